"""The lite stream: one small JSON record an alert, without images or history."""

from __future__ import annotations

import polars as pl

from ..crossmatch import classes_of
from ..packet import Batch

LITE_COLUMNS = (
    "survey",
    "diaSourceId",
    "diaObjectId",
    "objectId",
    "ssObjectId",
    "ra",
    "decl",
    "midpointMjdTai",
    "band",
    "psfFlux",
    "psfFluxErr",
    "snr",
    "reliability",
    "visit",
    "detector",
    "night",
    "nPrvDiaSources",
    "nPrvDiaForcedSources",
)
"""What a lite record holds of an alert, in order, as `alerts` holds it: degrees, nJy, MJD TAI; unknown and infinite values are null."""

_ID_COLUMNS = ("diaSourceId", "diaObjectId", "ssObjectId")


def lite_records(batch: Batch) -> tuple[list[bytes], list[bytes]]:
    """Return the JSON records and the message keys of a batch's alerts, shape (n_alert,) each.

    After what the alert says comes the class of its object, null if it has none.
    Ids come twice, as numbers and (`diaSourceIdStr`, …) as strings, since JavaScript's numbers are too short for them.
    The key is the diaObjectId; for a solar-system alert its ssObjectId, or else its diaSourceId.
    """
    if len(batch) == 0:
        return [], []
    frame = pl.from_arrow(batch.alerts.select(list(LITE_COLUMNS)), rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    classes = pl.Series("classification", classes_of(batch), pl.String)
    strings = [pl.col(name).cast(pl.String).alias(f"{name}Str") for name in _ID_COLUMNS]
    lines = frame.with_columns(classes, *strings).write_ndjson().encode().split(b"\n")
    keys = frame.select(pl.coalesce("diaObjectId", "ssObjectId", "diaSourceId").cast(pl.String).cast(pl.Binary))
    return lines[: len(frame)], keys.to_series().to_list()
