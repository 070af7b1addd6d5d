"""Why a position has its class, as JSON: what was found, what decided, what was rejected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ._columns import Found, texts_of, texts_of_pairs
from ._passes import Damage
from ._resolve import ANNOTATION, ASSOCIATION, CLASSES, SYNONYM

PHASES = {SYNONYM: "synonym", ASSOCIATION: "association", ANNOTATION: "annotation"}

_MOST_FOUND, _MOST_REJECTED = 10, 5
"""How many hits an explanation lists of each kind: those of the highest ranks, and the nearest."""

_TOO_FAR = "too far from it in kpc, and outside its extent"
_LATER = "a synonym goes before associations, and either before annotations"

_DECIDED = pl.format('{{"phase":"{}","decided":{}', "phase", "name")
_FOUND = pl.format('{{"rank":{},"class":"{}","score":{},{}}}', "rank", "label", "score", "hit")
_REJECTED = pl.format('{{{},"kpc":{},"why":"{}"}}', "hit", "kpc", "why")
_HIT = pl.format('{},"id":{},"arcsec":{}', "by", "id", "arcsec")


def explanations(found: Found, n: int, searches: Sequence[Sequence[str]], damages: Sequence[Damage], absent: Sequence[str]) -> pl.Series:
    """Return why each of n positions has its class, JSON, shape (n,).

    Parameters
    ----------
    searches : names of the searches over each catalogue, by its number.
    damages : what could not be searched.
    absent : catalogues of the rules that are not there.
    """
    lists = {"found": _found(found, n, searches), "rejected": _rejected(found, n, searches), "damaged": _damaged(found, n, damages, searches)}
    said = pl.DataFrame({"decided": _decided(found, n, searches), **lists})
    parts = [pl.when(pl.col(name) == "").then(pl.lit("")).otherwise(pl.format(',"{}":[{}]', pl.lit(name), name)) for name in lists]
    end = f',"absent":{as_json(list(absent))}}}' if absent else "}"
    return said.select(pl.concat_str("decided", *parts, pl.lit(end))).to_series()


def as_json(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def json_texts(texts: pl.Series) -> pl.Series:
    """Return texts as JSON, NULL as null; only those with a character that needs it are written one by one."""
    plain = '"' + texts + '"'
    special = texts.str.contains(r'["\\\x00-\x1f]').fill_null(value=False)
    if special.any():
        plain = plain.scatter(special.arg_true(), [json.dumps(text) for text in texts.filter(special)])
    return plain.fill_null("null")


def _decided(found: Found, n: int, searches: Sequence[Sequence[str]]) -> pl.Series:
    """Return the phase of each position, and the search that decided."""
    top = found.matches.take(np.flatnonzero(found.matches["rank"] == 1))
    names = texts_of_pairs(
        found.hits["catalogue"][top["decider"]], top["search"].astype(np.uint64), lambda catalogue, place: as_json(searches[catalogue][place])
    )
    phases = texts_of(top["phase"], ["", *PHASES.values()])
    said = pl.DataFrame({"phase": phases, "name": names}).select(_DECIDED).to_series()
    return pl.repeat('{"phase":"none"', n, eager=True).scatter(pl.Series(top["position"]), said)


def _found(found: Found, n: int, searches: Sequence[Sequence[str]]) -> pl.Series:
    """Return the hits that matches are made of, by rank."""
    members = found.members[np.argsort(found.match_of[found.members], kind="stable")]
    members = members[_is_first(found.hits["position"][members], n, _MOST_FOUND)]
    matches, hits = found.matches.take(found.match_of[members]), found.hits.take(members)
    bits = np.where(matches["phase"] == SYNONYM, hits["synonym"], hits["outer"])
    columns = pl.DataFrame(
        {
            "rank": matches["rank"],
            "label": texts_of(matches["classification"], CLASSES),
            "score": matches["score"].round(3),
            "hit": _said_of(found, members, bits, searches),
        }
    )
    return _lists(columns.select(_FOUND).to_series(), hits["position"], n)


def _rejected(found: Found, n: int, searches: Sequence[Sequence[str]]) -> pl.Series:
    """Return the hits that are in no match, nearest first, with the reason."""
    rejected = np.flatnonzero(found.match_of < 0)
    rejected = rejected[np.lexsort((found.hits["separation"][rejected], found.hits["position"][rejected]))]
    rejected = rejected[_is_first(found.hits["position"][rejected], n, _MOST_REJECTED)]
    hits = found.hits.take(rejected)
    late = hits["outer"] > 0
    kpc = pl.Series((hits["separation"] * found.sources["kpc_per_arcsec"][rejected]).round(1), nan_to_null=True).cast(pl.String).fill_null("null")
    said = _said_of(found, rejected, np.where(late, hits["outer"], hits["missed"]), searches)
    columns = pl.DataFrame({"hit": said, "kpc": kpc, "why": texts_of(late, [_TOO_FAR, _LATER])})
    return _lists(columns.select(_REJECTED).to_series(), hits["position"], n)


def _damaged(found: Found, n: int, damages: Sequence[Damage], searches: Sequence[Sequence[str]]) -> pl.Series:
    """Return what could not be searched near each position."""
    positions = np.concatenate([np.zeros(0, np.int32), *(one.positions for one in damages)])
    which = np.repeat(np.arange(len(damages)), [len(one.positions) for one in damages])
    order = np.lexsort((which, positions))
    texts = [
        as_json({"catalogue": found.catalogues[one.catalogue], "tile": one.tile, "searches": [searches[one.catalogue][place] for place in one.searches]})
        for one in damages
    ]
    return _lists(texts_of(which[order], texts), positions[order], n)


def _said_of(found: Found, chosen: npt.NDArray[np.integer[Any]], bits: npt.NDArray[np.uint64], searches: Sequence[Sequence[str]]) -> pl.Series:
    """Return what there is to say of some hits: of which catalogue, by which searches, which source, how far."""
    hits = found.hits.take(chosen)

    def say(catalogue: int, bits: int) -> str:
        names = [name for number, name in enumerate(searches[catalogue]) if bits >> number & 1]
        return f'"catalogue":{as_json(found.catalogues[catalogue])},"searches":{as_json(names)}'

    by, names = texts_of_pairs(hits["catalogue"], bits, say), json_texts(found.names["id"].gather(chosen))
    columns = pl.DataFrame({"by": by, "id": names, "arcsec": hits["separation"].round(3)})
    return columns.select(_HIT).to_series()


def _is_first(positions: npt.NDArray[np.int32], n: int, most: int) -> npt.NDArray[np.bool_]:
    """Return which rows, ascending by position, are among the first of their position."""
    return np.arange(len(positions)) - np.searchsorted(positions, np.arange(n, dtype=np.int32))[positions] < most


def _lists(texts: pl.Series, positions: npt.NDArray[np.int32], n: int) -> pl.Series:
    """Return the texts of each position, one behind the other, with commas; rows ascend by position."""
    starts = np.searchsorted(positions, np.arange(n + 1, dtype=np.int32)).astype(np.int32)
    rows = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    return pl.Series(pc.binary_join(pa.ListArray.from_arrays(pa.array(starts), rows), ","))
