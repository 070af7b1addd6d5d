"""A batch with all columns, and filters shaped as users write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from splanc.filters import TABLES, Definition, Filter
from splanc.filters.synthetic import made_table
from splanc.packet import Batch, Messages

SEED = 20251231
WATCHLISTS = 200

WIDEST, NARROWEST = 0.3, 1e-5
"""Shares of the alerts that filters select: between these, evenly in their logarithm."""

FEATURES = ("medianR", "latestR", "glat", "ebv", "jump1", "jump2", "absMag", "BBBRiseRate", "BBBFallRate", "BBBTemp", "latestPairColourMag")
FLUXES = tuple(f"{band}_psfFlux{kind}" for band in "ugrizy" for kind in ("", "Mean"))
CLASSES = ("SN", "NT", "AGN", "CV", "ORPHAN", "VS")


def made_batch(n_alert: int) -> Batch:
    """Return a batch with objects, their variability, Sherlock's classes and hits of watchlists; a tenth of the values are NULL."""
    rng = np.random.default_rng(SEED)
    alerts = np.arange(n_alert, dtype=np.int32)
    tables = {name: made_table(TABLES[name], alerts, rng) for name in ("objects", "objects_variability", "sherlock_classifications", "alert")}
    ids = tables["objects"]["diaObjectId"]
    hits = np.sort(rng.integers(0, n_alert, n_alert // 4)).astype(np.int32)
    hits_table = made_table(TABLES["watchlist"], hits, rng)
    lists = pa.array(rng.integers(1, WATCHLISTS + 1, len(hits)))
    hits_table = _with(_with(_with(hits_table, "wl_id", lists), "diaObjectId", ids.take(pa.array(hits))), "cone_id", pa.array(np.arange(len(hits))))
    named = {
        "diaObject": tables["objects"],
        "objects_variability": _with(tables["objects_variability"], "diaObjectId", ids),
        "sherlock_classifications": _with(tables["sherlock_classifications"], "diaObjectId", ids),
        "diaSource": tables["alert"],
        "watchlist_hits": hits_table,
    }
    none = np.zeros(0, np.int64)
    messages = Messages(values=[], topics=[], partitions=none.astype(np.int32), offsets=none, timestamps_ms=none)
    return Batch(messages=messages, alerts=pa.table({"diaObjectId": ids}), tables=named, cutouts={}, rejects=[])


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), values.cast(table.schema.field(place).type))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and the share of alerts that it passes."""

    text: str
    share: float


class FilterMaker:
    """Makes filters of a known selectivity: the bounds are quantiles of the batch's own columns.

    Parameters
    ----------
    batch : what the filters are to run on.
    """

    def __init__(self, batch: Batch) -> None:
        self._rng = np.random.default_rng(SEED + 1)
        self._objects = batch.tables["diaObject"]
        self._sherlock = batch.tables["sherlock_classifications"]

    def filters(self, n: int) -> list[Filter]:
        """Return n filters: 60 % join Sherlock's classes, 25 % nothing, 15 % a watchlist too; no two are alike."""
        now = datetime.now(UTC)
        made = []
        for number in range(1, n + 1):
            selected, tables, conditions = self._texts()
            definition = Definition(name=f"filter {number}", owner="somebody", selected=selected, tables=tables, conditions=conditions)
            made.append(Filter(id=number, version=1, definition=definition, topic=f"filter_{number}", created=now, changed=now))
        return made

    def _texts(self) -> tuple[str, str, str]:
        rng = self._rng
        kind = rng.choice(["objects", "sherlock", "watchlist"], p=[0.25, 0.6, 0.15])
        share = float(np.exp(rng.uniform(np.log(NARROWEST), np.log(WIDEST))))
        fixed = [self._odd()] if rng.random() < 0.3 else []
        if kind != "objects":
            fixed.append(self._classes())
        n_bounds = int(rng.integers(3, 8)) - len(fixed)
        each = float(np.clip(share / np.prod([one.share for one in fixed]), 1e-6, 0.6)) ** (1 / n_bounds)
        expressions = rng.permutation([f"objects.{name}" for name in FEATURES])[: n_bounds - 1].tolist()
        expressions.append(self._colour() if rng.random() < 0.5 else str(rng.choice(["ABS(glat)", "lastDiaSourceMjdTai", "objects.nDiaSources"])))
        conditions = [self._bound(expression, each) for expression in expressions] + [one.text for one in fixed]
        selected = ["objects.diaObjectId", "objects.ra", "objects.decl", "nDiaSources", *rng.choice(FEATURES + FLUXES, 4, replace=False).tolist()]
        tables = ["objects"]
        if kind != "objects":
            tables.append("sherlock_classifications")
            selected += ["sherlock_classifications.classification", "separationArcsec AS distance_arcsec"]
        if kind == "watchlist":
            tables.append(f"watchlist:{rng.integers(1, WATCHLISTS + 1)}")
            selected.append("watchlist_hits.name AS cone")
        if rng.random() < 0.3:
            selected.append(f"{self._colour()} AS colour")
        return ", ".join(selected), ", ".join(tables), " AND ".join(conditions)

    def _colour(self) -> str:
        one, other = self._rng.choice(FLUXES, 2, replace=False)
        return f"-2.5*LOG10({one}/{other})"

    def _bound(self, expression: str, share: float) -> str:
        """Return a comparison that is true of a share of all rows; NULLs are not among them."""
        values = self._values(expression)
        known = np.sort(values[~np.isnan(values)])
        rank = min(len(known) - 1, round(share * len(values)))
        if self._rng.random() < 0.5:
            return f"{expression} < {known[rank]:.6g}" if abs(known[rank]) < 1e4 else f"{expression} < {known[rank]:.4f}"
        bound = known[len(known) - 1 - rank]
        return f"{expression} > {bound:.6g}" if abs(bound) < 1e4 else f"{expression} > {bound:.4f}"

    def _values(self, expression: str) -> npt.NDArray[np.float64]:
        if expression.startswith("-2.5"):
            one, other = expression.removeprefix("-2.5*LOG10(").removesuffix(")").split("/")
            return -2.5 * np.log10(self._column(one) / self._column(other))
        if expression == "ABS(glat)":
            return np.abs(self._column("glat"))
        return self._column(expression.removeprefix("objects."))

    def _column(self, name: str) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = self._objects[name].to_numpy().astype(np.float64)
        return values

    def _classes(self) -> Condition:
        classes = self._rng.choice(CLASSES, self._rng.integers(1, 4), replace=False).tolist()
        share = float(np.isin(self._sherlock["classification"].to_numpy(), classes).mean())
        return Condition("sherlock_classifications.classification IN ({})".format(", ".join(f"'{one}'" for one in classes)), share)

    def _odd(self) -> Condition:
        """Return a condition with OR, NOT or CASE."""
        one, other = self._rng.choice(FEATURES, 2, replace=False)
        bound = self._rng.normal(0, 0.5)
        texts: Sequence[str] = (
            f"(objects.{one} < {bound:.3f} OR objects.{other} IS NULL)",
            f"NOT (objects.{one} BETWEEN {bound - 0.5:.3f} AND {bound + 0.5:.3f})",
            f"CASE WHEN objects.{one} > {bound:.3f} THEN objects.{other} ELSE objects.{one} END < 0.5",
        )
        return Condition(str(self._rng.choice(texts)), 0.5)
