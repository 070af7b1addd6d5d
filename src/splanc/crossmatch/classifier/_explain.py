"""Why a position has its class, as JSON: what was found, what decided, what was rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ._columns import Found
from ._passes import Damage
from ._resolve import ANNOTATION, ASSOCIATION, CLASSES, SYNONYM
from ._words import as_json, joined, joined_if, json_texts, lists_of, numbers, texts_of, texts_of_pairs

PHASES = {SYNONYM: "synonym", ASSOCIATION: "association", ANNOTATION: "annotation"}

_MOST_FOUND, _MOST_REJECTED = 10, 5
"""How many hits an explanation lists of each kind: those of the highest ranks, and the nearest."""

_TOO_FAR, _LATER = "too far", "later phase"
"""Why a hit is in no match: every alert's row has these texts, so that they are short; docs/reference/classifier.md says what they mean."""


def explanations(found: Found, n: int, searches: Sequence[Sequence[str]], damages: Sequence[Damage]) -> pa.Array:
    """Return why each of n positions has its class, JSON, shape (n,).

    Parameters
    ----------
    searches : names of the searches over each catalogue, by its number.
    damages : what could not be searched.
    """
    lists = {"found": _found(found, n, searches), "rejected": _rejected(found, n, searches)}
    if damages:
        lists["damaged"] = _damaged(found, n, damages, searches)
    parts = [pc.if_else(pc.equal(texts, ""), "", joined(f',"{name}":[', texts, "]")) for name, texts in lists.items()]
    return joined(_decided(found, n, searches), *parts, "}")


def _decided(found: Found, n: int, searches: Sequence[Sequence[str]]) -> pa.Array:
    """Return the phase of each position, and the search that decided."""
    top = found.matches.take(np.flatnonzero(found.matches["rank"] == 1))
    names = texts_of_pairs(
        found.hits["catalogue"][top["decider"]], top["search"].astype(np.uint64), lambda catalogue, place: as_json(searches[catalogue][place])
    )
    said = joined('{"phase":"', texts_of(top["phase"], ["", *PHASES.values()]), '","decided":', names)
    place = np.zeros(n, np.int64)
    place[top["position"]] = np.arange(1, len(top) + 1)
    return pa.concat_arrays([pa.array(['{"phase":"none"']), said]).take(pa.array(place))


def _found(found: Found, n: int, searches: Sequence[Sequence[str]]) -> pa.Array:
    """Return the hits that matches are made of, by rank."""
    members = found.members[np.argsort(found.match_of[found.members], kind="stable")]
    members = members[_is_first(found.hits["position"][members], n, _MOST_FOUND)]
    matches, hits = found.matches.take(found.match_of[members]), found.hits.take(members)
    bits = np.where(matches["phase"] == SYNONYM, hits["synonym"], hits["outer"])
    rank, label = pa.array(matches["rank"]).cast(pa.string()), texts_of(matches["classification"], CLASSES)
    said = joined('{"rank":', rank, ',"class":"', label, '","score":', numbers(matches["score"], 3), ",", *_said_of(found, members, bits, searches), "}")
    return lists_of(said, hits["position"], n)


def _rejected(found: Found, n: int, searches: Sequence[Sequence[str]]) -> pa.Array:
    """Return the hits that are in no match, nearest first, with the reason."""
    rejected = np.flatnonzero(found.match_of < 0)
    rejected = rejected[np.lexsort((found.hits["separation"][rejected], found.hits["position"][rejected]))]
    rejected = rejected[_is_first(found.hits["position"][rejected], n, _MOST_REJECTED)]
    hits = found.hits.take(rejected)
    late = hits["outer"] > 0
    kpc = joined_if(',"kpc":', numbers(hits["separation"] * found.sources["kpc_per_arcsec"][rejected], 1))
    said = _said_of(found, rejected, np.where(late, hits["outer"], hits["missed"]), searches)
    return lists_of(joined("{", *said, kpc, ',"why":"', texts_of(late, [_TOO_FAR, _LATER]), '"}'), hits["position"], n)


def _damaged(found: Found, n: int, damages: Sequence[Damage], searches: Sequence[Sequence[str]]) -> pa.Array:
    """Return what could not be searched near each position."""
    positions = np.concatenate([one.positions for one in damages])
    which = np.repeat(np.arange(len(damages)), [len(one.positions) for one in damages])
    order = np.lexsort((which, positions))
    texts = [
        as_json({"catalogue": found.catalogues[one.catalogue], "tile": one.tile, "searches": [searches[one.catalogue][place] for place in one.searches]})
        for one in damages
    ]
    return lists_of(texts_of(which[order], texts), positions[order], n)


def _said_of(found: Found, chosen: npt.NDArray[np.integer[Any]], bits: npt.NDArray[np.uint64], searches: Sequence[Sequence[str]]) -> tuple[pa.Array | str, ...]:
    """Return the parts of what there is to say of some hits: of which catalogue, by which searches, which source, how far."""
    hits = found.hits.take(chosen)

    def say(catalogue: int, bits: int) -> str:
        names = [name for number, name in enumerate(searches[catalogue]) if bits >> number & 1]
        return f'"catalogue":{as_json(found.catalogues[catalogue])},"searches":{as_json(names)}'

    by, names = texts_of_pairs(hits["catalogue"], bits, say), json_texts(found.names["id"].take(pa.array(chosen)))
    return by, ',"id":', names, ',"arcsec":', numbers(hits["separation"], 3)


def _is_first(positions: npt.NDArray[np.int32], n: int, most: int) -> npt.NDArray[np.bool_]:
    """Return which rows, ascending by position, are among the first of their position."""
    return np.arange(len(positions)) - np.searchsorted(positions, np.arange(n, dtype=np.int32))[positions] < most
