"""The classifier."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import __version__
from ...errors import UserError
from ...sky import RADIANS_PER_ARCSEC
from ..catalogues import profile_names
from ._answer import classification_table, match_table
from ._columns import Found
from ._cosmology import luminosity_distances
from ._join import LIMITS, join
from ._passes import CatalogueSearch, Hits
from ._positions import positions_of
from ._records import HIT, SOURCE
from ._resolve import CLASSES, FACTS, arrange, resolve, unite
from ._rules import Rules, Search, nearest
from ._tiles import Searchable, TileStore

ALGORITHM = 2
"""Is raised when the classifier would say something else by the same rules and catalogues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What the classifier says.

    Parameters
    ----------
    classifications : `CLASSIFICATION_COLUMNS`, one row a position, in order.
    matches : all physical sources near each position, `MATCH_COLUMNS`, by position and rank; None unless they were asked for.
    """

    classifications: pa.Table
    matches: pa.Table | None = None


class Classifier:
    """Says what positions are, by rules and catalogues.

    It may be asked by several threads at once.

    Parameters
    ----------
    rules : what is searched, and what follows.
    catalogues : those that are there, by name. Searches over others are not made.
    memory_bytes : bound of the tiles that are kept in memory. Beside them are the tile that is being read, as published and as prepared, a
        few thousand large galaxies of each catalogue, and what a batch finds.

    Raises
    ------
    UserError
        If the rules name a catalogue that is neither there nor known to splanc.
    """

    def __init__(self, rules: Rules, catalogues: Mapping[str, Searchable], *, memory_bytes: int) -> None:
        _check_names(rules, catalogues)
        present = [name for name in dict.fromkeys([*rules.merging.names, *rules.catalogues]) if name in catalogues]
        of_each = [rules.of(name) for name in present]
        self._rules = rules
        self._names = tuple(present)
        self._search_names = [[search.name for _, search in searches] for searches in of_each]
        store = TileStore(
            [(catalogues[name], [one for _, one in searches]) for name, searches in zip(present, of_each, strict=True)], rules.synonym_arcsec, memory_bytes
        )
        self._store = store
        self._searches = [
            CatalogueSearch(number, catalogues[name], [one for _, one in of_each[number]], rules.synonym_arcsec, store) for number, name in enumerate(present)
        ]
        self._facts = _facts(of_each)
        versions = " ".join(
            [*(f"{name}={catalogues[name].version}" for name in present), *(f"{name}=absent" for name in rules.catalogues if name not in catalogues)]
        )
        self._said = {"annotator": f"splanc {__version__}", "software_version": __version__, "rules_version": rules.version, "catalogue_versions": versions}
        self.version = hashlib.sha256(f"{ALGORITHM} {rules.version} {versions}".encode()).hexdigest()[:16]
        """Changes with the rules, any catalogue, or how they are used."""

    @property
    def memory_bytes(self) -> int:
        """Size of the tiles that are in memory now, bytes."""
        return self._store.nbytes

    def classify(
        self,
        ra_deg: npt.ArrayLike,
        dec_deg: npt.ArrayLike,
        mjd_tai: npt.ArrayLike | None = None,
        *,
        matches: bool = False,
    ) -> Classified:
        """Return what each position is.

        Parameters
        ----------
        ra_deg, dec_deg : ICRS, degrees, shape (n,). What is not on the sky is UNCLASSIFIED.
        mjd_tai : MJD (TAI), days, shape (n,), to which proper motions are applied; None, or NaN: they are not.
        matches : whether to return all matches too.
        """
        ra, dec = np.asarray(ra_deg, np.float64), np.asarray(dec_deg, np.float64)
        mjd = np.full(ra.shape, np.nan) if mjd_tai is None else np.asarray(mjd_tai, np.float64)
        if ra.ndim != 1 or dec.shape != ra.shape or mjd.shape != ra.shape:
            raise ValueError(f"ra_deg, dec_deg and mjd_tai must be of one length, not of the shapes {ra.shape}, {dec.shape}, {mjd.shape}")
        positions = positions_of(ra, dec, mjd)
        hits = Hits()
        for search in self._searches:
            search.search_near(positions, hits)
        pending = positions.only(~hits.synonyms(len(ra))[positions.numbers])
        for search in self._searches:
            search.search_wide(pending, hits)
        found = self._resolve(hits, len(ra))
        on_sky = np.isin(np.arange(len(ra)), positions.numbers)
        answer = classification_table(found, on_sky, hits.damages, searches=self._search_names, said=self._said)
        return Classified(classifications=answer, matches=match_table(found) if matches else None)

    def _resolve(self, hits: Hits, n: int) -> Found:
        """Return the hits in order, and the matches that they make."""
        found, sources, names = hits.all()
        order = arrange(found, n)
        found = found.take(order)
        remains = np.flatnonzero(unite(found))
        order, found = order[remains], found.take(remains)
        sources = sources.take(order)
        made = resolve(found, sources, self._facts, self._rules.merging.radius_arcsec * RADIANS_PER_ARCSEC, self._rules.ranking.nearest_synonym)
        return Found(
            hits=found,
            sources=sources,
            names=names.take(pa.array(order)),
            matches=made[0],
            members=made[1],
            match_of=made[2],
            catalogues=self._names,
        )


def warm() -> None:
    """Compile what is compiled and make the table of distances, so that the first batch does not wait for them."""
    luminosity_distances(np.zeros(0))
    positions_of(np.zeros(1), np.zeros(1), np.zeros(1)).cover(1.0)
    cells, places, vectors, years = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, 3)), np.zeros(0)
    hits, sources = np.zeros(0, HIT), np.zeros(0, SOURCE)
    join(cells, cells, places, places, 0, vectors, years, cells, places, np.zeros(0, np.float32), 0.0, sources, np.zeros(0, LIMITS), hits, 0)
    arrange(hits, 0)
    unite(hits)
    resolve(hits, sources, np.zeros((0, 1), FACTS), 0.0, nearest_synonym=True)


def _check_names(rules: Rules, catalogues: Mapping[str, Searchable]) -> None:
    known = {*catalogues, *profile_names()}
    for search in rules.search:
        if search.catalogue not in known:
            hint = nearest(search.catalogue, known) or f"; there are {', '.join(sorted(known))}"
            raise UserError(f"{rules.source}: search {search.name!r} is over the catalogue {search.catalogue!r}, which is not there{hint}")


def _facts(of_each: list[list[tuple[int, Search]]]) -> np.ndarray:
    """Return what the loops know of each search, of `FACTS`, shape (n_catalogue, n_search)."""
    facts = np.zeros((len(of_each), max(map(len, of_each), default=1)), FACTS)
    facts["synonym"] = facts["outer"] = -1
    for catalogue, searches in enumerate(of_each):
        for place, (number, search) in enumerate(searches):
            outer = search.association or ("ORPHAN" if search.annotation_arcsec else None)
            facts[catalogue, place] = (number, _class(search.synonym), _class(outer), search.accuracy)
    return facts


def _class(label: str | None) -> int:
    return -1 if label is None else CLASSES.index(label)
