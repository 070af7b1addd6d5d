"""Real ZTF packets, packets made of them, and what the mapping of `docs/reference/ztf.md` makes of each, value by value in plain Python."""

from __future__ import annotations

import io
import math
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
from astropy.time import Time, TimeDelta

_FOLDER = Path(__file__).parents[1] / "data" / "packets"
TARBALLS = (_FOLDER / "ztf_public_20200202.tar.gz", _FOLDER / "ztf_public_20231012.tar.gz")
"""Schema 3.3, without `fp_hists`, and 4.01, with it."""

_BANDS = {1: "g", 2: "r", 3: "i"}
_SIGNS = {"t": 1, "1": 1, "f": -1, "0": -1}


def real_messages() -> list[bytes]:
    """Return the 9 real packets as they were sent: 4 of schema 3.3, then 5 of 4.01."""
    values = []
    for path in TARBALLS:
        with tarfile.open(path) as tarball:
            values += [file.read() for member in tarball if (file := tarball.extractfile(member))]
    return values


def read(message: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema and the packet in a message, as fastavro reads them."""
    reader = fastavro.reader(io.BytesIO(message))
    schema: Any = reader.writer_schema
    (packet,) = reader
    return schema, dict(packet)  # type: ignore[arg-type]


def container(schema: Mapping[str, Any], *packets: Mapping[str, Any], codec: str = "null", **metadata: str) -> bytes:
    """Return a container with packets."""
    stream = io.BytesIO()
    fastavro.writer(stream, dict(schema), list(packets), codec=codec, metadata=metadata)
    return stream.getvalue()


def changed(message: bytes, *, candidate: Mapping[str, Any] | None = None, **fields: Any) -> bytes:
    """Return a packet like another but for some fields, its own and its candidate's."""
    schema, packet = read(message)
    return container(schema, {**packet, "candidate": {**packet["candidate"], **(candidate or {})}, **fields})


def expected(packet: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that a packet makes, without their ids."""
    candidate = packet["candidate"]
    history = packet["prv_candidates"] or []
    forced = packet.get("fp_hists") or []
    measured = {point["jd"] for point in forced}
    limits = [point for point in history if point["candid"] is None and point["jd"] not in measured]
    sources = [_source(point) for point in (candidate, *(point for point in history if point["candid"] is not None))]
    return {"diaSource": sources, "diaForcedSource": [_forced(point, candidate) for point in (*forced, *limits)], "diaObject": [_object(candidate)]}


def _source(point: Mapping[str, Any]) -> dict[str, Any]:
    flux = 10 ** ((31.4 - point["magpsf"]) / 2.5)
    error = flux * point["sigmapsf"] * math.log(10) / 2.5
    sign = _SIGNS[point["isdiffpos"]]
    place = {"ra": point["ra"], "decl": point["dec"], "x": point["xpos"], "y": point["ypos"]}
    return {
        **place, **_where_and_when(point), "diaSourceId": point["candid"], "psfFlux": sign * flux, "psfFluxErr": error, "snr": point["scorr"],
        "isNegative": sign < 0, "reliability": point["rb"] if point.get("drb") is None else point["drb"], "exposureTime": point.get("exptime"),
    }  # fmt: skip


def _forced(point: Mapping[str, Any], candidate: Mapping[str, Any]) -> dict[str, Any]:
    flux, error = point.get("forcediffimflux"), point.get("forcediffimfluxunc")
    depth = 10 ** ((31.4 - point["diffmaglim"]) / 2.5) / 5
    scale = 10 ** ((31.4 - point["magzpsci"]) / 2.5)
    fluxes = {"psfFlux": None, "psfFluxErr": depth} if flux in (None, -99999.0) else {"psfFlux": flux * scale, "psfFluxErr": error * scale}
    return {**_where_and_when(point), **fluxes, "ra": candidate["ra"], "decl": candidate["dec"]}


def _where_and_when(point: Mapping[str, Any]) -> dict[str, Any]:
    return {"visit": point["pid"] // 10_000, "detector": point["rcid"], "band": _BANDS[point["fid"]], "midpointMjdTai": mjd_tai(point["jd"])}


def _object(candidate: Mapping[str, Any]) -> dict[str, Any]:
    first, last = candidate["jdstarthist"], max(candidate["jdendhist"], candidate["jd"])
    times = {"firstDiaSourceMjdTai": mjd_tai(first), "lastDiaSourceMjdTai": mjd_tai(last)}
    return {"ra": candidate["ra"], "decl": candidate["dec"], "nDiaSources": candidate["ndethist"], **times}


def mjd_tai(jd: float) -> float:
    """Return MJD (TAI) 15 s after JD (UTC), as astropy has it."""
    return float((Time(jd, format="jd", scale="utc") + TimeDelta(15, format="sec")).tai.mjd)


def assert_close(found: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> None:
    """Assert that rows have the wanted values: to seven digits, times to a microsecond."""
    assert len(found) == len(wanted)
    for row, expectation in zip(found, wanted, strict=True):
        for name, value in expectation.items():
            is_close = (
                row[name] == value
                if value is None or isinstance(value, str | bool | int)
                else math.isclose(row[name], value, rel_tol=0 if "Mjd" in name else 2e-7, abs_tol=1e-11 if "Mjd" in name else 0)
            )
            assert is_close, (name, row[name], value)
