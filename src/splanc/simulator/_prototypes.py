"""The real alerts that simulated ones are made from, brought to the wanted schema version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import fastavro
import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ._wire import Layout, branches, encode

_REAL_FILE = "lsst_v10_0_real.avro"
"""27 real alerts of 31 December 2025; where they are from is in `data/README.md`."""

CUTOUTS = ("cutoutDifference", "cutoutScience", "cutoutTemplate")
"""The images of an alert."""

_FORCED: Mapping[str, Any] = {"psfFlux": 0.0, "psfFluxErr": 0.0, "scienceFlux": 0.0, "scienceFluxErr": 0.0, "band": "r"}
"""Forced photometry to start from: there is none in the real alerts, so every value of it is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prototypes:
    """What alerts of one schema version are made from.

    Parameters
    ----------
    schema : of the alert, as shipped.
    schema_id : in the wire format: 100 major + minor.
    fields : the alert's, in order.
    sources : diaSources; first those of diaObjects, then `n_solar` ones of the solar system.
    objects, forced, ss_sources, orbits : the other records; None where this version has no such one.
    packets : for each of `sources`, the real alert it came in.
    template_flux : of each of `sources`, nJy.
    cutouts : encoded, by name, one for each real alert.
    reasons : encoded `observation_reason` and `target_name`, one for each real alert.
    """

    schema: Mapping[str, Any]
    schema_id: int
    fields: Sequence[Mapping[str, Any]]
    sources: Layout
    n_solar: int
    objects: Layout
    forced: Layout
    ss_sources: Layout | None
    orbits: Layout | None
    packets: npt.NDArray[np.int64]
    template_flux: npt.NDArray[np.float64]
    cutouts: Mapping[str, Sequence[bytes]]
    reasons: Sequence[Mapping[str, bytes]]

    @property
    def n_dia(self) -> int:
        """How many of the sources are of diaObjects."""
        return len(self.packets) - self.n_solar


def read_schema(version: str) -> dict[str, Any]:
    """Return the alert schema of a version such as "11.1".

    Raises
    ------
    UserError
        If splanc does not ship that version.
    """
    path = resources.files("splanc.packet").joinpath("schemas", f"lsst.v{version.replace('.', '_')}.json")
    if not path.is_file():
        raise UserError(f"no schema of version {version!r} is shipped; versions are written as in 11.1, and 11.1 is the newest")
    schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return schema


@cache
def real_alerts() -> Sequence[Mapping[str, Any]]:
    """Return the real alerts."""
    with resources.files(__package__).joinpath("data", _REAL_FILE).open("rb") as file:
        return tuple(alert for alert in fastavro.reader(file) if isinstance(alert, dict))


@cache
def load_prototypes(version: str) -> Prototypes:
    """Return what alerts of a schema version are made from.

    Raises
    ------
    UserError
        If splanc does not ship that version.
    """
    schema = read_schema(version)
    records = {record["name"].rpartition(".")[2]: record["fields"] for record in _records(schema)}
    alerts = real_alerts()
    packets, sources = _sources(alerts)
    solar = [alert for alert in alerts if alert["ssSource"]]
    major, minor = version.split(".")
    return Prototypes(
        schema=schema,
        schema_id=100 * int(major) + int(minor),
        fields=schema["fields"],
        sources=Layout(records["diaSource"], sources),
        n_solar=len(solar),
        objects=Layout(records["diaObject"], [alert["diaObject"] for alert in alerts if alert["diaObject"]]),
        forced=Layout(records["diaForcedSource"], [_FORCED]),
        ss_sources=_layout(records.get("ssSource"), [alert["ssSource"] for alert in solar]),
        orbits=_layout(records.get("mpc_orbits"), [alert["mpc_orbits"] for alert in solar]),
        packets=np.array(packets, np.int64),
        template_flux=np.array([source["templateFlux"] for source in sources]),
        cutouts={name: [encode(["null", "bytes"], alert[name]) for alert in alerts] for name in CUTOUTS},
        reasons=[{name: encode(["null", "string"], alert[name]) for name in ("observation_reason", "target_name")} for alert in alerts],
    )


def _sources(alerts: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[Mapping[str, Any]]]:
    """Return every diaSource, those of the solar system last, each with its alert's number."""
    numbered = [
        (bool(alert["ssSource"]), number, source) for number, alert in enumerate(alerts) for source in (alert["diaSource"], *(alert["prvDiaSources"] or ()))
    ]
    numbered.sort(key=lambda entry: entry[:2])
    return [number for _, number, _ in numbered], [source for _, _, source in numbered]


def _layout(fields: Sequence[Mapping[str, Any]] | None, prototypes: Sequence[Mapping[str, Any]]) -> Layout | None:
    return None if fields is None else Layout(fields, prototypes)


def _records(avro_type: Any) -> Iterator[dict[str, Any]]:
    """Yield the record types defined in a schema."""
    value_type, _, _ = branches(avro_type)
    if not isinstance(value_type, dict):
        return
    if value_type["type"] == "array":
        yield from _records(value_type["items"])
    elif value_type["type"] == "record":
        yield value_type
        for field in value_type["fields"]:
            yield from _records(field["type"])
