"""The records of filters' matches, as they go to the filters' topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ..filters import MATCHES_TABLE, Filter, Output
from ..packet import Batch
from ._alert_json import full_json, lightcurve_json

_ALERT = ',"alert":'

_MAKERS = {Output.lightcurve: lightcurve_json, Output.full: full_json}
"""What makes the alert that records of an output mode carry; those of others carry none."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The matches of a batch with what is known of their alerts, shape (n_match,) each; by filter, then alert.

    Parameters
    ----------
    rows : of `alerts`.
    filters, versions : ids of the filters, and which version of them matched.
    nights, visits : of the alerts.
    timestamps_ms : Kafka's timestamps of the alerts, UTC milliseconds since 1970.
    texts : the selected columns, JSON objects.
    """

    rows: npt.NDArray[np.int32]
    filters: Ints
    versions: Ints
    nights: Ints
    visits: Ints
    timestamps_ms: Ints
    texts: pl.Series

    def __len__(self) -> int:
        return len(self.rows)

    def by_filter(self) -> dict[int, slice]:
        """Return where the matches of each filter stand."""
        ids, starts, counts = np.unique(self.filters, return_index=True, return_counts=True)
        return {number: slice(start, start + count) for number, start, count in zip(ids.tolist(), starts.tolist(), counts.tolist(), strict=True)}


def matches_of(batch: Batch) -> Matches:
    """Return the matches of a batch; none of one that no filter was tried on."""
    table = batch.tables.get(MATCHES_TABLE)
    frame: Any = pl.DataFrame(schema=_SCHEMA) if table is None else pl.from_arrow(table.select(list(_SCHEMA)))
    frame = frame.sort("filter", "alert", maintain_order=True)
    rows = frame["alert"].to_numpy()
    alerts = batch.alerts
    return Matches(
        rows=rows,
        filters=frame["filter"].to_numpy(),
        versions=frame["version"].cast(pl.Int64).to_numpy(),
        nights=alerts["night"].to_numpy()[rows].astype(np.int64),
        visits=alerts["visit"].to_numpy()[rows].astype(np.int64),
        timestamps_ms=alerts["timestamp"].cast("int64").to_numpy()[rows],
        texts=frame["record"],
    )


_SCHEMA = {"alert": pl.Int32(), "filter": pl.Int64(), "version": pl.Int32(), "record": pl.String()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """Records before it is known which of them may leave.

    Parameters
    ----------
    parts : columns `text`, `json`; one row a record.
    utc : when they are published, as they say it.
    sizes : of the records, bytes, shape (n_record,).
    """

    parts: pl.DataFrame
    utc: str
    sizes: Ints

    def values(self, chosen: Mask) -> list[bytes]:
        """Return the chosen records, shape (n_record,), in JSON."""
        whole = pl.concat_str(pl.col("text"), pl.lit(_tail(self.utc)), (pl.lit(_ALERT) + pl.col("json")).fill_null(""), pl.lit("}"))
        return self.parts.filter(pl.Series(chosen)).select(whole.cast(pl.Binary)).to_series().to_list()


def draft(batch: Batch, matches: Matches, wanted: Mask, filters: Mapping[int, Filter], now: datetime) -> Drafts:
    """Return the records of the wanted matches: the selected columns, the time, and as the filter's output mode says the alert.

    The alert is made once, however many filters want it.

    Parameters
    ----------
    wanted : of the matches, shape (n_match,).
    now : moment of publication, UTC.
    """
    rows, ids = matches.rows[wanted], matches.filters[wanted]
    parts = pl.DataFrame({"alert": rows, "text": matches.texts.filter(pl.Series(wanted)).str.strip_suffix("}")})
    json = pl.Series("json", [None] * len(rows), pl.String)
    for output, maker in _MAKERS.items():
        carrying = np.isin(ids, [number for number in np.unique(ids).tolist() if filters[number].definition.output is output])
        if carrying.any():
            made = maker(batch, np.unique(rows[carrying]))
            joined = parts.select("alert").join(made, on="alert", how="left", maintain_order="left")["json"]
            json = pl.select(pl.when(pl.Series(carrying)).then(joined).otherwise(json)).to_series()
    parts = parts.select("text", json.alias("json"))
    utc = f"{now:%Y-%m-%d %H:%M:%S}"
    sizes = parts.select(pl.col("text").str.len_bytes() + len(_tail(utc)) + 1 + (pl.col("json").str.len_bytes() + len(_ALERT)).fill_null(0)).to_series()
    return Drafts(parts=parts, utc=utc, sizes=sizes.to_numpy().astype(np.int64))


def _tail(utc: str) -> str:
    """Return what stands between what the filter selects and the alert."""
    return f',"UTC":"{utc}"'


def keys_of(batch: Batch, rows: npt.NDArray[np.int32]) -> list[bytes]:
    """Return the message keys of alerts: the diaObjectId; of a moving object without one its ssObjectId, or else the diaSourceId."""
    frame: Any = pl.from_arrow(batch.alerts.select(["diaObjectId", "ssObjectId", "diaSourceId"]))
    return frame[rows].select(pl.coalesce(pl.all()).cast(pl.String).cast(pl.Binary)).to_series().to_list()


def headers_of(batch: Batch, matches: Matches, wanted: Mask) -> list[dict[str, bytes]]:
    """Return the headers of the wanted matches' records, all text: what matched, and the alert."""
    numbers = (matches.filters, matches.versions, matches.nights, matches.visits, batch.alerts["diaSourceId"].to_numpy()[matches.rows])
    columns = [pl.Series(column[wanted]).cast(pl.String).cast(pl.Binary).to_list() for column in numbers]
    return [
        {"filter": number, "version": version, "night": night, "visit": visit, "diaSourceId": source}
        for number, version, night, visit, source in zip(*columns, strict=True)
    ]
