"""Real stars and galaxies that simulated objects may lie on and near, so that whoever asks a catalogue finds something there.

They are of a few places of the sky that are rich in galaxies; `data/README.md` says where they are from.
An object has a *role*: it is a source itself (a star that varies, what goes off in the nucleus of a galaxy), each source once at most;
or the false light beside a bright star; or it goes off within a galaxy; or it has nothing to do with any of them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from . import _chance, _sphere
from ._chance import Purpose

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_FILE = "hosts.csv"

_RADIANS_PER_ARCSEC = 4.84813681109536e-06
"""How many radians an arcsecond has."""

_BESIDE_ARCSEC = (3.5, 6.5)
"""How far from a bright star its false light is, arcseconds."""

_LEAST_ARCSEC, _MOST_ARCSEC = 3.0, 60.0
"""What goes off within a galaxy does so between the first and the galaxy's extent, which counts as the second at most, arcseconds."""


class Role(IntEnum):
    """What an object has to do with the sources of its field."""

    ALONE = 0
    SOURCE = 1
    BESIDE = 2
    WITHIN = 3


_SHARES = ((Role.SOURCE, 0.25), (Role.BESIDE, 0.06), (Role.WITHIN, 0.25))
"""Shares of objects by role; those that would be a source when all are taken already are alone, as is the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A field of the sky with its sources, shape (n_source,) each.

    Parameters
    ----------
    centre : of the field, unit vector, shape (3,).
    directions : unit vectors, shape (n_source, 3).
    kind : what each is: `star`, a bright one; `cv`, a faint one that erupts; `galaxy`.
    extent_arcsec : of galaxies, from the centre to the edge across the narrow side.
    """

    centre: Floats
    directions: Floats
    kind: npt.NDArray[np.str_]
    extent_arcsec: Floats


@cache
def places() -> Sequence[Place]:
    """Return the places."""
    with resources.files(__package__).joinpath("data", _FILE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return tuple(_place([row for row in rows if row["place"] == name]) for name in dict.fromkeys(row["place"] for row in rows))


class Hosts:
    """The sources of a field, and what its objects have to do with them.

    Parameters
    ----------
    place : where the field is.
    seed, field : of the simulation, and number of the field.
    capacity : most objects that the field will have.
    """

    def __init__(self, place: Place, seed: int, field: int, capacity: int) -> None:
        self.place = place
        self._keys = (seed, field)
        objects = np.arange(capacity)
        drawn = _chance.uniform(*self._keys, Purpose.ROLE, objects)
        self.role, self._source = np.full(capacity, Role.ALONE, np.int64), np.full(capacity, -1, np.int64)
        below = 0.0
        for role, share in _SHARES:
            self.role[(drawn >= below) & (drawn < below + share)] = role
            below += share
        n_source = len(place.kind)
        taken = np.flatnonzero(self.role == Role.SOURCE)
        self.role[taken[n_source:]] = Role.ALONE
        self._source[taken[:n_source]] = _chance.choose(n_source, n_source, seed, Purpose.HOST, field)[: len(taken)]
        for role, kind in ((Role.BESIDE, "star"), (Role.WITHIN, "galaxy")):
            those, candidates = np.flatnonzero(self.role == role), np.flatnonzero(place.kind == kind)
            self._source[those] = candidates[_chance.below(len(candidates), *self._keys, Purpose.HOST, those)]

    def varies(self, objects: Ints, by_chance: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which objects vary periodically, shape (n,): those of stars do, those of galaxies do not, others as chance has it."""
        return np.where(self.role[objects] == Role.ALONE, by_chance, self.place.kind[self._source[objects]] != "galaxy")

    def move(self, directions: Floats, objects: Ints) -> Floats:
        """Return directions of objects, unit vectors, shape (n, 3), with those that have to do with a source where they belong."""
        role, source = self.role[objects], self._source[objects]
        far = _chance.uniform(*self._keys, Purpose.HOST_RADIUS, objects)
        nearest, farthest = _BESIDE_ARCSEC
        within = np.sqrt(far) * np.clip(self.place.extent_arcsec[source], _LEAST_ARCSEC, _MOST_ARCSEC)
        arcsec = np.where(role == Role.BESIDE, nearest + (farthest - nearest) * far, np.where(role == Role.WITHIN, np.maximum(within, _LEAST_ARCSEC), 0.0))
        across = arcsec * _RADIANS_PER_ARCSEC
        moved = _sphere.step(self.place.directions[source], across, np.sqrt(1.0 - across * across), _chance.uniform(*self._keys, Purpose.HOST_AZIMUTH, objects))
        return np.where((role == Role.ALONE)[:, None], directions, moved)


def _place(rows: Sequence[dict[str, str]]) -> Place:
    directions = _sphere.directions_of(np.array([float(row["ra"]) for row in rows]), np.array([float(row["dec"]) for row in rows]))
    kinds = np.array([row["kind"] for row in rows])
    sources = kinds != "centre"
    return Place(
        centre=directions[~sources][0],
        directions=directions[sources],
        kind=kinds[sources],
        extent_arcsec=np.array([float(row["extent_arcsec"] or 0) for row in rows])[sources],
    )
