"""Moving objects: what an alert of a solar-system object says, in one row that users filter on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..packet import AB_ZERO_POINT, RECORDS, Batch, as_floats, floats_of
from ._columns import column
from ._context import rows_of_alerts

MOVING_TABLE = "ss_objects_latest"
"""The batch's table of moving objects, which has the name that users know from the archive."""

_FROM_ALERT = ("ssObjectId", "visit", "band", "ra", "decl", "psfFlux", "psfFluxErr", "snr", "reliability", "healpix29")

_FROM_SS_SOURCE = (
    *("eclLambda", "eclBeta", "galLon", "galLat", "elongation", "phaseAngle", "topoRange", "topoRangeRate", "helioRange", "helioRangeRate"),
    *("ephRa", "ephDec", "ephVmag", "ephRate", "ephRateRa", "ephRateDec"),
    *("ephOffset", "ephOffsetRa", "ephOffsetDec", "ephOffsetAlongTrack", "ephOffsetCrossTrack", "diaDistanceRank"),
)
"""What is taken from `ssSource`: where the object is, and where it was expected; positions and velocities as vectors stay there."""

MOVING_COLUMNS = pa.schema(
    [
        column("ssObjectId", pa.int64(), "", "The moving object."),
        column("designation", pa.string(), "", "Its designation as in `mpc_orbits`; without an orbit, that of the ssSource."),
        column("visit", pa.int64(), "", "The visit of the alert."),
        column("band", pa.string(), "", "The alert's band."),
        column("ra", pa.float64(), "deg", "Right ascension in this visit, ICRS."),
        column("decl", pa.float64(), "deg", "Declination in this visit, ICRS."),
        column("psfFlux", pa.float32(), "nJy", "Flux on the difference image, which of a moving object is all."),
        column("psfFluxErr", pa.float32(), "nJy", "Its error."),
        column("snr", pa.float32(), "", "Signal to noise at which it was detected."),
        column("reliability", pa.float32(), "", "Whether it is real, 0 to 1."),
        column("mag", pa.float32(), "mag", "AB magnitude of the flux; NULL unless that is positive."),
        column("magErr", pa.float32(), "mag", "Its error."),
        column("healpix29", pa.int64(), "", "HEALPix cell of the position, order 29, nested."),
        *(column(name, RECORDS["ssSource"].field(name).type, "", f"`{name}` of the alert's ssSource.") for name in _FROM_SS_SOURCE),
    ]
)
"""What is kept of the newest alert of each moving object."""


def add_moving_objects(batch: Batch) -> Batch:
    """Return the batch with the table `ss_objects_latest`: one row for each alert of a solar-system object, of `MOVING_COLUMNS`.

    That is each alert with an ssObjectId, whether or not its packet has an ssSource and an orbit; what they lack is NULL.
    """
    rows = np.flatnonzero(batch.alerts["ssObjectId"].is_valid().to_numpy())
    alerts = batch.alerts.select(_FROM_ALERT).take(pa.array(rows))
    sources = _of_alerts(batch.tables["ssSource"].select(("alert", "designation", *_FROM_SS_SOURCE)), rows, len(batch))
    orbits = _of_alerts(batch.tables["mpc_orbits"].select(("alert", "designation")), rows, len(batch))
    columns = {name: alerts[name] for name in _FROM_ALERT} | {name: sources[name] for name in _FROM_SS_SOURCE}
    columns["designation"] = pc.coalesce(orbits["designation"], sources["designation"])
    columns["mag"], columns["magErr"] = _magnitudes(alerts)
    table = pa.table([pa.array(rows, pa.int32()), *(columns[name] for name in MOVING_COLUMNS.names)], ["alert", *MOVING_COLUMNS.names])
    return replace(batch, tables={**batch.tables, MOVING_TABLE: table})


def _of_alerts(table: pa.Table, alerts: npt.NDArray[np.int64], n_alert: int) -> pa.Table:
    """Return the row that came with each of these alerts, NULL where none did."""
    rows = rows_of_alerts(table, n_alert)[alerts]
    return table.take(pa.array(rows, mask=rows < 0))


def _magnitudes(alerts: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Return the AB magnitude of each flux and its error, NULL where the flux is not positive."""
    flux, error = (floats_of(alerts[name]) for name in ("psfFlux", "psfFluxErr"))
    with np.errstate(all="ignore"):  # what cannot be computed becomes NaN or infinite, and that NULL
        magnitude = AB_ZERO_POINT - 2.5 * np.log10(flux)
        magnitude_error = np.where(np.isfinite(magnitude), 2.5 / np.log(10) * error / flux, np.nan)
    return as_floats(magnitude, pa.float32()), as_floats(magnitude_error, pa.float32())
