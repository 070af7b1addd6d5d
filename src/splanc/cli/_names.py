"""Where objects are, by the names that people know them by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from .. import archive, packet
from ..config import Settings
from ..errors import UserError

_LARGEST_ID = 2**63 - 1
"""Ids are of 64 bits."""

_PLACES = """
    SELECT diaobjectid, ra, decl, lastdiasourcemjdtai FROM objects
    WHERE diaobjectid = ANY(%s::bigint[]) AND ra IS NOT NULL AND decl IS NOT NULL"""


def dia_object_id(name: str) -> int:
    """Return the diaObjectId that a name means: the number itself, or ZTF's name of the object.

    Raises
    ------
    UserError
        If it is neither.
    """
    try:
        number = int(packet.object_id(name) if name.startswith("ZTF") else name)
    except ValueError:
        number = 0
    if not 0 < abs(number) <= _LARGEST_ID:
        raise UserError(f"{name!r} is neither a diaObjectId, a number of 64 bits, nor a name like ZTF18abcdefg")
    return number


def places_of(settings: Settings) -> Callable[[Sequence[str]], Mapping[str, tuple[float, float, float]]]:
    """Return what gives, by their names, where objects in the archive are, ICRS degrees, and when they were seen last, MJD (TAI), NaN if unknown.

    Objects that are not there are left out.
    """

    def places(names: Sequence[str]) -> Mapping[str, tuple[float, float, float]]:
        ids = {name: dia_object_id(name) for name in names}
        rows = archive.read_rows(_dsn(settings), _PLACES, [list(ids.values())])
        found = {row["diaobjectid"]: (row["ra"], row["decl"], row["lastdiasourcemjdtai"] or math.nan) for row in rows}
        return {name: found[number] for name, number in ids.items() if number in found}

    return places


def _dsn(settings: Settings) -> str:
    if settings.archive.dsn is not None:
        return settings.archive_dsn
    embedded = archive.postgres_status(settings.data_dir)
    if embedded is None:
        raise UserError("objects cannot be looked up here: no archive runs; give the server one by archive.dsn, or ask by position")
    return embedded.dsn
