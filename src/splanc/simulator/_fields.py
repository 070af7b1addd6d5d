"""A field of the sky: when it was visited, before tonight and tonight, and which of its objects were alerted in each visit of tonight.

An *epoch* numbers the visits of one field: 0 is its first visit of tonight, -1 the last one of an earlier night.
An object is a number too, its place in the field's population; everything else about it follows from `_chance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from ..night import VISITS_PER_NIGHT
from . import _chance, _sphere
from ._chance import Purpose
from ._hosts import Hosts, Place

Ints = npt.NDArray[np.int64]

BANDS = "ugrizy"
"""Rubin's bands; a field changes its band with every visit."""

FIELD_RADIUS_DEG = 1.75
"""Radius of Rubin's field of view, degrees: 9.6 square degrees."""

SECONDS_PER_VISIT = 39.0
"""Time from one visit to the next: two exposures, readout and slew."""

MAX_OBJECTS = 1 << 18
"""Objects of a field that a diaSourceId has room for."""

MAX_FIELDS = 275
"""Fields of a night: each was visited up to four times in earlier nights, and a night has room for 1,100 visits."""

_MARGIN_DEG = 0.001
"""Distance from the edge that objects keep, so that noise in their positions leaves none outside."""

_SOLAR_MARGIN_DEG = 0.15
"""The same for solar-system objects, which move up to 0.25 degrees a day."""

_VISITS_PER_PAST_NIGHT = 4
"""How often a field was visited in an earlier night."""

_NIGHTS_BETWEEN_VISITS = 2
"""In which of the earlier nights a field was visited: in every second one."""

_MJD_OF_DAY_ZERO = 678_576
"""Modified Julian Date 0 (17 November 1858) as Python's ordinal, days."""

_MIDPOINT_TAI_SECONDS = 15.0 + 37.0
"""Half of a visit's exposure, plus TAI - UTC."""

_FIRST_DAY = date(2010, 1, 1)
"""The day that Rubin's packed ids count from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """How much history objects bring along from before tonight.

    Parameters
    ----------
    share : of the alerts that have a history from before tonight, as far as there are enough with a diaObject.
    epochs : least and most visits of such a history, each with forced photometry.
    brightness : roughly the share of these visits in which the object is bright enough for a diaSource, before the bands' colours.
    recurrence : of a visit's alerts, the share of objects that were alerted earlier tonight, as far as there are any.
    """

    share: float
    epochs: tuple[int, int]
    brightness: float
    recurrence: float


CORPORA = {
    "shallow": Corpus(share=0.0, epochs=(1, 1), brightness=0.5, recurrence=0.0),
    "mixed": Corpus(share=1 / 9, epochs=(160, 610), brightness=0.95, recurrence=0.5),
    "deep": Corpus(share=1.0, epochs=(20, 116), brightness=0.78, recurrence=0.5),
}
"""No history; one alert in nine with 300 to 1,200 points; every diaObject with 50 diaSources and 70 forced ones in the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epochs:
    """The visits of a field, indexed by epoch + depth.

    Parameters
    ----------
    depth : how many are from earlier nights.
    visits : visit numbers, ascending.
    mjd_tai : MJD (TAI) of the exposures' middle, days.
    packed : what the ids of the visit's sources begin with.
    """

    depth: int
    visits: Ints
    mjd_tai: npt.NDArray[np.float64]
    packed: Ints


def epochs_of(night: int, field: int, *, first_sequence: int, n_fields: int, n_tonight: int, depth: int) -> Epochs:
    """Return a field's visits; fields take turns, so every visit number is of one field only.

    Tonight's begin with a given sequence number; those of past nights always with 1.
    """
    tonight = date.fromisoformat(str(night))
    past = [(_NIGHTS_BETWEEN_VISITS * (k // _VISITS_PER_PAST_NIGHT) + 1, _VISITS_PER_PAST_NIGHT - 1 - k % _VISITS_PER_PAST_NIGHT) for k in range(depth)]
    days_and_turns = [*reversed([(tonight - timedelta(days=ago), turn) for ago, turn in past]), *((tonight, turn) for turn in range(n_tonight))]
    nights = np.array([int(day.strftime("%Y%m%d")) for day, _ in days_and_turns], np.int64)
    ordinals = np.array([day.toordinal() for day, _ in days_and_turns], np.int64)
    sequence = np.array([(first_sequence if day == tonight else 1) + field + turn * n_fields for day, turn in days_and_turns], np.int64)
    seconds = sequence * SECONDS_PER_VISIT + _MIDPOINT_TAI_SECONDS
    return Epochs(
        depth=depth,
        visits=nights * VISITS_PER_NIGHT + sequence,
        # The night's visits begin at the midnight (UTC) that follows its date.
        mjd_tai=(ordinals - _MJD_OF_DAY_ZERO + 1) + seconds / 86_400,
        packed=(1 << 57) | ((ordinals - _FIRST_DAY.toordinal()) << 42) | (sequence << 27),
    )


class Field:
    """One field with its population, which grows with every visit.

    Parameters
    ----------
    seed : of the simulation.
    number : of the field.
    epochs : its visits.
    corpus : what history its objects have.
    capacity : most objects it will have.
    place : where it is; None: wherever chance has it, and its objects have to do with nothing.
    """

    def __init__(self, seed: int, number: int, epochs: Epochs, corpus: Corpus, capacity: int, *, place: Place | None = None) -> None:
        self.seed = seed
        self.number = number
        self.epochs = epochs
        self.corpus = corpus
        self.centre = _sphere.field_centre(seed, number) if place is None else place.centre
        self.hosts = None if place is None else Hosts(place, seed, number, capacity)
        self.size = 0
        self.solar = np.zeros(capacity, bool)
        self.first = np.zeros(capacity, np.int64)
        self.ordinal = np.zeros(capacity, np.int64)
        self.alerted = np.zeros((len(epochs.visits) - epochs.depth, capacity), bool)

    def visit(self, epoch: int, n_dia: int, n_solar: int, recurrence: float) -> Ints:
        """Return which objects are alerted in a visit, in the order of their alerts, and remember it."""
        groups = [self._alerted_again(epoch, count, recurrence, solar=solar) for count, solar in ((n_dia, False), (n_solar, True))]
        groups += [self._discovered(epoch, n_dia - len(groups[0]), solar=False), self._discovered(epoch, n_solar - len(groups[1]), solar=True)]
        objects = np.concatenate(groups)
        self.alerted[epoch, objects] = True
        return objects[_chance.choose(len(objects), len(objects), self.seed, Purpose.ORDER, self.number, epoch)]

    def _alerted_again(self, epoch: int, count: int, recurrence: float, *, solar: bool) -> Ints:
        known = np.flatnonzero(self.solar[: self.size] == solar)
        wanted = min(len(known), round(recurrence * count))
        return known[_chance.choose(len(known), wanted, self.seed, Purpose.RECUR, self.number, epoch, int(solar))]

    def _discovered(self, epoch: int, count: int, *, solar: bool) -> Ints:
        new = np.arange(self.size, self.size + count)
        self.ordinal[new] = np.count_nonzero(self.solar[: self.size] == solar) + np.arange(count)
        self.size += count
        self.solar[new] = solar
        least, most = self.corpus.epochs
        with_history = (_chance.uniform(self.seed, Purpose.HAS_HISTORY, self.number, new) < self.corpus.share) & ~self.solar[new]
        depths = least + _chance.below(most - least + 1, self.seed, Purpose.DEPTH, self.number, new)
        self.first[new] = np.where(with_history, -depths, epoch)
        return new

    def directions(self, objects: Ints) -> npt.NDArray[np.float64]:
        """Return where objects are at the beginning of tonight, unit vectors, shape (n, 3)."""
        directions = np.empty((len(objects), 3))
        for solar, margin in ((False, _MARGIN_DEG), (True, _SOLAR_MARGIN_DEG)):
            those = self.solar[objects] == solar
            directions[those] = _sphere.in_cap(self.centre, FIELD_RADIUS_DEG - margin, self.seed, self.number, objects[those])
        if self.hosts is None:
            return directions
        return np.where(self.solar[objects][:, None], directions, self.hosts.move(directions, objects))
