"""Alerts of solar-system objects: no diaObject and no history, but an ephemeris and an orbit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import _chance, _sphere
from ._chance import Purpose
from ._fields import MAX_FIELDS, Field, Ints
from ._lightcurve import Floats
from ._points import Points
from ._prototypes import Prototypes
from ._records import measured, source_rows
from ._wire import Bytes, Rows

_DEGREES_A_DAY = (0.05, 0.25)
"""Motion of solar-system objects: the slow and the fast ones of the main belt."""

_HALF_MONTHS = b"ABCDEFGHJKLMNOPQRSTUVWXY"
"""Letters of the half-months in which minor planets are designated."""

_ORDER_LETTERS = b"ABCDEFGHJKLMNOPQRSTUVWXYZ"
"""Letters that number the designations within a half-month."""

_TENS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Digits of a packed designation for cycle numbers from 10 tens on."""

_YEARS = 25
"""Years of designations: 2000 to 2024."""

_FIRST_CYCLE, _CYCLES = 100, 500
"""Cycle numbers of designations: those of three digits, so that all designations are equally long."""

N_DESIGNATIONS = _YEARS * len(_HALF_MONTHS) * _CYCLES * len(_ORDER_LETTERS)
"""How many solar-system objects can be told apart."""

_SCATTER = 7_919
"""A prime that does not divide the number of designations: neighbours get designations far apart."""


def solar_columns(field: Field, prototypes: Prototypes, objects: Ints, points: Points) -> tuple[dict[str, Sequence[bytes]], Ints]:
    """Return the encoded records of solar-system alerts by field, and the kind of each one's diaSource."""
    orbit = _chance.below(prototypes.n_solar, field.seed, Purpose.ORBIT, field.number, objects)
    predicted = _predicted(field, objects, points)
    packed, unpacked = designations(field.number + MAX_FIELDS * field.ordinal[objects])
    ss_object_ids = (packed.astype(np.int64) << np.arange(48, -1, -8)).sum(axis=1)
    kinds = prototypes.n_dia + orbit
    sources = source_rows(prototypes, points, kinds, measured(predicted, points))
    sources.set("ssObjectId", ss_object_ids)
    columns: dict[str, Sequence[bytes]] = {"diaSource": sources.pieces()}
    if prototypes.ss_sources is not None:
        rows = Rows(prototypes.ss_sources, orbit)
        ra, dec = _sphere.to_ra_dec(predicted)
        for name, values in (("diaSourceId", points.source_id), ("ssObjectId", ss_object_ids), ("ephRa", ra), ("ephDec", dec), ("designation", packed)):
            rows.set(name, values)
        columns["ssSource"] = rows.pieces()
    if prototypes.orbits is not None:
        rows = Rows(prototypes.orbits, orbit)
        rows.set("packed_primary_provisional_designation", packed)
        for name in ("designation", "unpacked_primary_provisional_designation"):
            rows.set(name, unpacked)
        columns["mpc_orbits"] = rows.pieces()
    return columns, kinds


def designations(numbers: Ints) -> tuple[Bytes, Bytes]:
    """Return provisional designations, packed and as people write them: characters, shape (n, 7) and (n, 10).

    >>> [text.tobytes().decode() for text in designations(np.array([1]))]
    ['K00Af6U', '2000 AU416']
    """
    rest = numbers * _SCATTER % N_DESIGNATIONS
    rest, order = np.divmod(rest, len(_ORDER_LETTERS))
    rest, cycle = np.divmod(rest, _CYCLES)
    year, half_month = np.divmod(rest, len(_HALF_MONTHS))
    hundreds, tens, ones = (cycle + _FIRST_CYCLE) // 100, cycle // 10 % 10, cycle % 10
    decade, unit = year // 10, year % 10
    letters = [np.frombuffer(alphabet, np.uint8) for alphabet in (_HALF_MONTHS, _ORDER_LETTERS, _TENS)]
    half, second, ten = letters[0][half_month], letters[1][order], letters[2][cycle // 10]
    packed: list[npt.ArrayLike] = [ord("K"), decade + ord("0"), unit + ord("0"), half, ten, ones + ord("0"), second]
    written: list[npt.ArrayLike] = [
        ord("2"),
        ord("0"),
        decade + ord("0"),
        unit + ord("0"),
        ord(" "),
        half,
        second,
        *(digit + ord("0") for digit in (hundreds, tens, ones)),
    ]
    return _characters(packed, len(numbers)), _characters(written, len(numbers))


def _characters(columns: Sequence[npt.ArrayLike], n: int) -> Bytes:
    return np.stack([np.broadcast_to(np.asarray(column, np.uint8), n) for column in columns], axis=1)


def _predicted(field: Field, objects: Ints, points: Points) -> Floats:
    """Return where the objects should be: each moves along a straight line of its own, unit vectors of shape (n, 3)."""
    slow, fast = _DEGREES_A_DAY
    rate = slow + (fast - slow) * _chance.uniform(field.seed, Purpose.MOTION_RATE, field.number, objects)
    moved = rate * (np.pi / 180) * (points.mjd_tai - field.epochs.mjd_tai[field.epochs.depth])
    azimuth = _chance.uniform(field.seed, Purpose.MOTION_AZIMUTH, field.number, objects)
    return _sphere.step(field.directions(objects), moved, np.ones(len(moved)), azimuth)
