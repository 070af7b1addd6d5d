"""From a visit's objects to packets: records written by column, then joined alert by alert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from ..packet import frame_header
from . import _chance
from ._chance import Purpose
from ._fields import Field, Ints
from ._points import Points, points_of
from ._prototypes import CUTOUTS, Prototypes
from ._records import forced_rows, measured, object_rows, set_statistics, source_rows
from ._solar import solar_columns
from ._wire import arrays, branches, encode, filled, integer, integers


def build(field: Field, prototypes: Prototypes, epoch: int, objects: Ints) -> list[bytes]:
    """Return the alerts of a field's objects in a visit, in the given order, in Confluent wire format.

    They depend on what was alerted until this visit, and on nothing that comes later: building them again gives the same bytes.
    """
    packets: list[bytes] = [b""] * len(objects)
    for columns_of, chosen in ((_dia_columns, ~field.solar[objects]), (solar_columns, field.solar[objects])):
        if chosen.any():
            points = points_of(field, epoch, objects[chosen])
            columns, kinds = columns_of(field, prototypes, objects[chosen], points)
            built = _join(field, prototypes, points.select(points.trigger), kinds, columns)
            for place, packet in zip(np.flatnonzero(chosen).tolist(), built, strict=True):
                packets[place] = packet
    return packets


def _dia_columns(field: Field, prototypes: Prototypes, objects: Ints, points: Points) -> tuple[dict[str, Sequence[bytes]], Ints]:
    """Return the encoded records of diaObjects' alerts by field, and the kind of each one's trigger."""
    sources, earlier = points.select(points.detected), points.select(~points.trigger)
    directions = field.directions(objects)
    object_ids = sources.source_id[sources.starts()]
    template = prototypes.template_flux[_chance.below(prototypes.n_dia, field.seed, Purpose.TEMPLATE, field.number, objects)]
    kinds = _chance.below(prototypes.n_dia, sources.key, Purpose.PROTOTYPE)

    where = measured(directions, sources)
    rows = source_rows(prototypes, sources, kinds, where)
    rows.set("diaObjectId", object_ids[sources.alert])
    rows.set("templateFlux", template[sources.alert])
    rows.set("scienceFlux", sources.flux + template[sources.alert])
    n_earlier = sources.ends() - sources.starts()
    runs = rows.pieces(np.stack([n_earlier, np.ones_like(n_earlier)], axis=1).ravel())

    forced = forced_rows(prototypes, earlier, directions, template)
    forced.set("diaObjectId", object_ids[earlier.alert])
    n_forced = np.bincount(earlier.alert, minlength=len(objects))

    summary = object_rows(field, prototypes, objects, sources, where)
    set_statistics(summary, sources, earlier, template)
    columns: dict[str, Sequence[bytes]] = {
        "diaSource": runs[1::2],
        "prvDiaSources": arrays(n_earlier, runs[0::2]),
        "prvDiaForcedSources": arrays(n_forced, forced.pieces(n_forced)),
        "diaObject": summary.pieces(),
    }
    return columns, kinds[sources.trigger]


def _join(field: Field, prototypes: Prototypes, triggers: Points, kinds: Ints, columns: Mapping[str, Sequence[bytes]]) -> list[bytes]:
    """Return packets from the encoded values of their fields; a value that is empty is null, as are fields that are not given."""
    ids = integers(triggers.source_id)
    packets = prototypes.packets[kinds].tolist()
    reasons = prototypes.reasons[int(_chance.below(len(prototypes.reasons), field.seed, Purpose.REASON, field.number)[0])]
    parts: list[Iterable[bytes]] = [repeat(frame_header(prototypes.schema_id), len(ids))]
    for description in prototypes.fields:
        name = description["name"]
        if name in columns:
            parts.append(_valued(description["type"], columns[name]))
        elif name in CUTOUTS:
            parts.append(map(prototypes.cutouts[name].__getitem__, packets))
        elif name in {"diaSourceId", "alertId"}:
            parts.append(ids)
        else:
            parts.append(repeat(reasons.get(name) or encode(description["type"], filled(description, {})), len(ids)))
    return [b"".join(pieces) for pieces in zip(*parts, strict=True)]


def _valued(avro_type: Any, values: Sequence[bytes]) -> Iterable[bytes]:
    """Return encoded values with the union's branch before them where the field is a union."""
    _, branch, null = branches(avro_type)
    if branch is None:
        return values
    start, missing = integer(branch), integer(null or 0)
    return [start + value if value else missing for value in values]
