"""ZTF: how its packets, schema versions 3.3 to 4.02, map onto the common record.

The trigger is `candidate`, its history `prv_candidates`: detections, which become diaSources, and upper limits, which become
diaForcedSources without a flux. `fp_hists`, which not all versions have, become diaForcedSources. `docs/reference/ztf.md` has each
formula. The record `candidate` stays besides, as a table of its own, with every field under ZTF's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from ..night import nights_of_mjd
from ._columns import Floats, Integers, as_floats, as_integers, floats, integers, is_there, texts
from ._survey import Columns, Survey
from ._triggers import PLACE_AND_TIME, outside, trigger_columns
from .object_names import NO_OBJECT, object_ids
from .record import AB_ZERO_POINT

NOON_UTC_HOURS = 20.0
"""Noon at Palomar: 12:00 of Pacific Standard Time, hours UTC."""

NONE = -99_999.0
"""What ZTF's forced photometry writes where it has no value."""

BANDS = pa.array([None, "g", "r", "i"], pa.string())
"""The band of each `fid`."""

DETECTION_SIGMAS = 5.0
"""How many times its error the flux of magnitude `diffmaglim` is."""

_MJD_OF_JD = 2_400_000.5
_MIDDLE_SECONDS = 15.0
"""From the start of an exposure, which `jd` is, to its middle; the public survey's are 30 s.

`exptime` would say it, but is not in `prv_candidates`, and a detection must have one time in all packets.
"""

_TAI_UTC_FROM_MJD = np.array([-np.inf, 51_179.0, 53_736.0, 54_832.0, 56_109.0, 57_204.0, 57_754.0])
_TAI_UTC_SECONDS = np.array([31.0, 32.0, 33.0, 34.0, 35.0, 36.0, 37.0])
"""TAI - UTC, and the MJD (UTC) that it holds from; since 1 January 2017, before ZTF began, it is 37 s."""

_PID_OF_VISIT = 10_000
"""A `pid` is night, time of day, readout channel and a constant: its last four digits are not of the exposure."""

_FORCED = np.int64(1) << 62
"""The bit that diaForcedSourceIds of ZTF have, and those of LSST do not."""

_SIGNS = pa.array(["t", "1", "f", "0"])
"""What `isdiffpos` may be; the first two mean positive."""

_OF_HISTORY = frozenset(
    {"jd", "fid", "pid", "rcid", "diffmaglim", "candid", "isdiffpos", "magpsf", "sigmapsf", "scorr", "rb", "drb", "ra", "dec", "xpos", "ypos", "exptime"}
)
_OF_FORCED = frozenset({"jd", "fid", "pid", "rcid", "diffmaglim", "magzpsci", "forcediffimflux", "forcediffimfluxunc"})
"""What is made of `prv_candidates` and `fp_hists`."""

_LN10_BY_2_5 = np.log(10.0) / 2.5


def mjd_tai_of_jd(jd: Floats) -> Floats:
    """Return the middle of exposures, MJD (TAI), given their start, JD (UTC); shape (n,).

    >>> mjd_tai_of_jd(np.array([2460229.9338542])).round(7).tolist()
    [60229.4344561]
    """
    mjd_utc = jd - _MJD_OF_JD
    tai_utc = _TAI_UTC_SECONDS[np.searchsorted(_TAI_UTC_FROM_MJD, mjd_utc, side="right") - 1]
    return mjd_utc + (tai_utc + _MIDDLE_SECONDS) / 86_400.0


def njy_of_magnitude(magnitude: Floats) -> Floats:
    """Return fluxes, nJy, of AB magnitudes, shape (n,).

    >>> njy_of_magnitude(np.array([31.4, 23.9])).round(6).tolist()
    [1.0, 1000.0]
    """
    return np.exp((AB_ZERO_POINT - magnitude) * _LN10_BY_2_5)


def visits_of(pid: Integers) -> Integers:
    """Return the visit of each processing id: days since 2017, and hundred-thousandths of the day in five digits; shape (n,).

    >>> visits_of(np.array([2475433850415])).tolist()
    [247543385]
    """
    return pid // _PID_OF_VISIT


def forced_ids(object_id: Integers, pid: Integers, *, is_limit: bool) -> Integers:
    """Return a diaForcedSourceId of each point: the same whatever packet it comes in, and with nobody else at the same time.

    Parameters
    ----------
    object_id, pid : diaObjectId and ZTF's processing id of the image, shape (n,).
    is_limit : whether the points are upper limits.
    """
    mixed = object_id.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + pid.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(3)).astype(np.int64) * 2 + is_limit | _FORCED


@njit(cache=True, nogil=True)
def _are_known(alert: Any, visit: Any, forced_alert: Any, forced_visit: Any) -> Any:
    """Return whether there is a forced point of the same alert and visit; both are sorted by alert."""
    known = np.zeros(alert.size, np.bool_)
    first = 0
    for i in range(alert.size):
        while first < forced_alert.size and forced_alert[first] < alert[i]:
            first += 1
        j = first
        while j < forced_alert.size and forced_alert[j] == alert[i] and not known[i]:
            known[i] = forced_visit[j] == visit[i]
            j += 1
    return known


def warm() -> None:
    """Load the compiled code, or compile it."""
    alert, visit = np.zeros(0, np.int32), np.zeros(0, np.int64)
    _are_known(alert, visit, alert, visit)


def record(tables: Mapping[str, Columns], fields: Columns) -> Mapping[str, Columns]:
    """Return the tables of the common record, and `candidate`."""
    candidate = tables["candidate"]
    nothing = {"alert": pa.array([], pa.int32())}
    history, forced = tables.get("prv_candidates", nothing), tables.get("fp_hists", nothing)
    packets = _Packets(candidate, object_ids(texts({**fields, "alert": candidate["alert"]}, "objectId")))
    with np.errstate(all="ignore"):  # what cannot be computed becomes NULL
        return {
            "diaSource": _sources(packets, history),
            "diaForcedSource": _forced_sources(packets, history, forced),
            "diaObject": _objects(packets),
            "candidate": candidate,
        }


class _Packets:
    """What of each packet its points need, shape (n_alert,).

    Parameters
    ----------
    candidate : the triggers.
    object_id : diaObjectId, `NO_OBJECT` for none.
    """

    def __init__(self, candidate: Columns, object_id: Integers) -> None:
        self.candidate = candidate
        self.object_id = object_id
        self.ra_deg, self.decl_deg = floats(candidate, "ra"), floats(candidate, "dec")


def _sources(packets: _Packets, history: Columns) -> dict[str, pa.Array]:
    """Return the diaSources: of each alert its trigger, then the detections of its history."""
    candidate = packets.candidate
    detected = np.flatnonzero(is_there(history, "candid"))
    owner = history["alert"].to_numpy()[detected]
    n_alert = len(packets.object_id)
    own = np.arange(n_alert) + np.searchsorted(owner, np.arange(n_alert))
    previous = np.arange(len(owner)) + owner + 1

    def interleaved(of_trigger: npt.NDArray[Any], of_history: npt.NDArray[Any]) -> npt.NDArray[Any]:
        values = np.empty(len(own) + len(previous), of_trigger.dtype)
        values[own], values[previous] = of_trigger, of_history[detected]
        return values

    def both(read: Any, name: str) -> npt.NDArray[Any]:
        return interleaved(read(candidate, name), read(history, name))

    alert = np.empty(n_alert + len(owner), np.int32)
    alert[own], alert[previous] = np.arange(n_alert), owner
    sign = interleaved(_signs(texts(candidate, "isdiffpos")), _signs(texts(history, "isdiffpos")))
    flux = njy_of_magnitude(both(_values, "magpsf"))
    error = flux * both(_values, "sigmapsf") * _LN10_BY_2_5
    score = both(_values, "scorr")
    reliability = interleaved(_first(_values(candidate, "drb"), _values(candidate, "rb")), _first(_values(history, "drb"), _values(history, "rb")))
    return {
        "alert": pa.array(alert),
        "diaSourceId": pa.array(both(integers, "candid")),
        "diaObjectId": _ids(packets.object_id[alert]),
        "visit": pa.array(visits_of(both(integers, "pid"))),
        "detector": as_integers(both(integers, "rcid"), pa.int32(), both(is_there, "rcid")),
        "band": _bands(both(integers, "fid")),
        "midpointMjdTai": as_floats(mjd_tai_of_jd(both(floats, "jd")), pa.float64()),
        "exposureTime": as_floats(both(_values, "exptime"), pa.float32()),
        "ra": as_floats(both(floats, "ra"), pa.float64()),
        "decl": as_floats(both(floats, "dec"), pa.float64()),
        "x": as_floats(both(_values, "xpos"), pa.float32()),
        "y": as_floats(both(_values, "ypos"), pa.float32()),
        "psfFlux": as_floats(sign * flux, pa.float32()),
        "psfFluxErr": as_floats(error, pa.float32()),
        "snr": as_floats(_first(score, flux / error), pa.float32()),
        "isNegative": pa.array(sign < 0, mask=np.isnan(sign)),
        "reliability": as_floats(reliability, pa.float32()),
    }


def _forced_sources(packets: _Packets, history: Columns, forced: Columns) -> dict[str, pa.Array]:
    """Return the diaForcedSources: of each alert its forced photometry, then the upper limits of visits that have none."""
    forced_alert, forced_pid = forced["alert"].to_numpy(), integers(forced, "pid")
    limits = np.flatnonzero(~is_there(history, "candid"))
    limit_alert, limit_pid = history["alert"].to_numpy()[limits], integers(history, "pid")[limits]
    new = ~_are_known(limit_alert, visits_of(limit_pid), forced_alert.copy(), visits_of(forced_pid))
    limits, limit_alert, limit_pid = limits[new], limit_alert[new], limit_pid[new]
    owner = np.concatenate([forced_alert, limit_alert])
    order = np.argsort(owner, kind="stable")
    alert = owner[order]

    def both(read: Any, name: str) -> npt.NDArray[Any]:
        return np.concatenate([read(forced, name), read(history, name)[limits]])[order]

    ids = np.concatenate(
        [forced_ids(packets.object_id[forced_alert], forced_pid, is_limit=False), forced_ids(packets.object_id[limit_alert], limit_pid, is_limit=True)]
    )
    scale = njy_of_magnitude(_values(forced, "magzpsci"))
    no_flux = np.full(len(limits), np.nan)
    flux = np.concatenate([_values(forced, "forcediffimflux") * scale, no_flux])[order]
    error = np.concatenate([_values(forced, "forcediffimfluxunc") * scale, no_flux])[order]
    depth = njy_of_magnitude(both(_values, "diffmaglim")) / DETECTION_SIGMAS
    return {
        "alert": pa.array(alert),
        "diaForcedSourceId": pa.array(ids[order]),
        "diaObjectId": _ids(packets.object_id[alert]),
        "ra": as_floats(packets.ra_deg[alert], pa.float64()),
        "decl": as_floats(packets.decl_deg[alert], pa.float64()),
        "visit": pa.array(visits_of(both(integers, "pid"))),
        "detector": as_integers(both(integers, "rcid"), pa.int32(), both(is_there, "rcid")),
        "psfFlux": as_floats(flux, pa.float32()),
        "psfFluxErr": as_floats(np.where(np.isnan(flux), depth, error), pa.float32()),
        "midpointMjdTai": as_floats(mjd_tai_of_jd(both(floats, "jd")), pa.float64()),
        "band": _bands(both(integers, "fid")),
    }


def _objects(packets: _Packets) -> dict[str, pa.Array]:
    """Return one diaObject an alert."""
    candidate = packets.candidate
    latest = np.fmax(floats(candidate, "jdendhist"), floats(candidate, "jd"))
    return {
        "alert": candidate["alert"],
        "diaObjectId": _ids(packets.object_id),
        "ra": as_floats(packets.ra_deg, pa.float64()),
        "decl": as_floats(packets.decl_deg, pa.float64()),
        "firstDiaSourceMjdTai": as_floats(mjd_tai_of_jd(floats(candidate, "jdstarthist")), pa.float64()),
        "lastDiaSourceMjdTai": as_floats(mjd_tai_of_jd(latest), pa.float64()),
        "nDiaSources": as_integers(integers(candidate, "ndethist"), pa.int32(), is_there(candidate, "ndethist")),
    }


def _values(table: Columns, name: str) -> Floats:
    """Return a column of measured values, NaN where ZTF has none."""
    values = floats(table, name)
    return np.where(values == NONE, np.nan, values)


def _first(preferred: Floats, other: Floats) -> Floats:
    """Return the preferred values, or the others where there are none."""
    return np.where(np.isnan(preferred), other, preferred)


def _signs(isdiffpos: pa.Array) -> Floats:
    """Return 1 or -1, NaN where `isdiffpos` says neither."""
    place = pc.index_in(isdiffpos, value_set=_SIGNS).to_numpy(zero_copy_only=False)
    return np.where(np.isnan(place), np.nan, np.where(place < 2, 1.0, -1.0))


def _bands(fid: Integers) -> pa.Array:
    """Return the bands, NULL where a `fid` is none of them."""
    return BANDS.take(pa.array(np.where((fid > 0) & (fid < len(BANDS)), fid, 0)))


def _ids(object_id: Integers) -> pa.Array:
    return pa.array(object_id, mask=object_id == NO_OBJECT)


def alert_columns(tables: Mapping[str, pa.Table], n_alert: int) -> dict[str, pa.Array]:
    """Return the trigger's columns of `alerts`, its night and the lengths of its history, shape (n_alert,) each."""
    columns = trigger_columns(tables, n_alert)
    columns["night"] = pa.array(nights_of_mjd(columns["midpointMjdTai"].to_numpy(zero_copy_only=False), NOON_UTC_HOURS))
    return columns


def complaints(columns: Columns) -> dict[int, str]:
    """Return what makes triggers unusable, by row of `alerts`: no place on the sky, no time, or no object."""
    nameless = np.flatnonzero(~columns["diaObjectId"].is_valid().to_numpy(zero_copy_only=False)).tolist()
    found = {row: f"objectId {columns['objectId'][row].as_py()!r} is not ZTF, two digits and seven small letters" for row in nameless}
    return found | outside(columns, PLACE_AND_TIME)


ZTF = Survey(
    name="ztf",
    trigger="candidate",
    first_id=1_000_000_000,
    tables=MappingProxyType({name: name for name in ("candidate", "prv_candidates", "fp_hists")}),
    used=MappingProxyType({"prv_candidates": _OF_HISTORY, "fp_hists": _OF_FORCED}),
    columns=MappingProxyType({}),
    record=record,
    alert_columns=alert_columns,
    complaints=complaints,
    required=MappingProxyType(
        {
            "alert": frozenset({"objectId", "candid"}),
            "candidate": frozenset({"candid", "jd", "pid", "fid", "ra", "dec", "magpsf", "sigmapsf", "isdiffpos"}),
            "prv_candidate": frozenset({"candid", "jd", "pid", "fid"}),
            "fp_hist": frozenset({"jd", "pid", "fid", "forcediffimflux", "forcediffimfluxunc", "magzpsci"}),
        }
    ),
)
"""What splanc knows of ZTF. The ids of its schemas are ours (4.01 is 1,000,000,401): its packets carry their schemas."""
