"""A simulated night: which alerts are sent in which visit, as a function of a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

import numpy as np

from ..errors import UserError
from ..night import night_now
from . import _chance
from ._chance import Purpose
from ._damage import KINDS, damage
from ._fields import CORPORA, MAX_FIELDS, MAX_OBJECTS, Corpus, Field, Ints, epochs_of
from ._hosts import places
from ._packets import build
from ._points import trigger_ids
from ._prototypes import Prototypes, load_prototypes, read_schema
from ._sent import VisitSent, digest_of
from ._solar import N_DESIGNATIONS

_CHUNK = 256
"""Alerts that are made at a time: enough for array operations to pay, 30 MB of packets."""

_MAX_VISITS = 1_100
"""Visits that a night has time for."""


_MAX_SEQUENCE = (1 << 15) - 1
"""Largest sequence number that a simulated diaSourceId has room for."""


class _Group(NamedTuple):
    """Objects of a field, alerted in one of its visits."""

    field: Field
    epoch: int
    objects: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit, whose messages are made as they are asked for.

    Parameters
    ----------
    sent : what there is to be sent of it.
    size : how many messages come out; repeats of the visit before are among them, postponed ones of its own are not.
    """

    sent: VisitSent
    size: int
    _prototypes: Prototypes
    _before: Sequence[_Group]
    _alerts: _Group
    _damaged: Sequence[tuple[int, str]]
    _after: Sequence[_Group]

    def messages(self) -> Iterator[bytes]:
        """Yield the messages; asked again, the same bytes."""
        for group in self._before:
            yield from self._packets(group)
        kinds = dict(self._damaged)
        for place, packet in enumerate(self._packets(self._alerts)):
            yield packet
            if place in kinds:
                yield damage(packet, kinds[place], self._alerts.field.seed, self.sent.visit, place)
        for group in self._after:
            yield from self._packets(group)

    def _packets(self, group: _Group) -> Iterator[bytes]:
        for start in range(0, len(group.objects), _CHUNK):
            yield from build(group.field, self._prototypes, group.epoch, group.objects[start : start + _CHUNK])


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A night made from real alerts; equal parameters give equal bytes, on every machine.

    Parameters
    ----------
    night : YYYYMMDD; tonight if not given.
    visits : how many.
    alerts_per_visit : different good alerts of each.
    seed : of everything that is left to chance.
    first_sequence : sequence number of the first visit; nights of one seed that do not share visits share no alerts.
    schema_version : for example "11.1".
    corpus : how much history objects bring along: "shallow" (none), "mixed" (like the real stream) or "deep".
    solar_share : share of alerts that are of solar-system objects.
    damaged_share : damaged packets that are sent beside the good ones, as a share of these.
    repeated_share : share of the good packets that are sent twice.
    recurrence : of a visit's alerts, the share of objects that were alerted earlier in the night, as far as there are any; the corpus's if not given.
    visits_per_field : how often a field is visited in the night; fields take turns.
    hosts : whether the first fields are where real stars and galaxies are known, with a share of their objects on and near these.

    Raises
    ------
    UserError
        If a night cannot be made like this; the message says which parameter to change.
    """

    night: int = field(default_factory=night_now)
    visits: int = 20
    alerts_per_visit: int = 1_000
    seed: int = 1
    first_sequence: int = 1
    schema_version: str = "11.1"
    corpus: str = "mixed"
    solar_share: float = 0.15
    damaged_share: float = 0.0
    repeated_share: float = 0.0
    recurrence: float | None = None
    visits_per_field: int = 4
    hosts: bool = False

    def __post_init__(self) -> None:
        _check_night(self.night)
        read_schema(self.schema_version)
        if self.corpus not in CORPORA:
            raise UserError(f"no corpus {self.corpus!r}; there are {', '.join(CORPORA)}")
        for name in ("solar_share", "damaged_share", "repeated_share", "recurrence"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UserError(f"{name} is a share, between 0 and 1; given: {share}")
        if self.first_sequence < 1 or self.first_sequence + self.visits > _MAX_SEQUENCE:
            raise UserError(f"visits of a night are numbered from 1 to {_MAX_SEQUENCE:,}; these would end with {self.first_sequence + self.visits - 1:,}")
        if not 1 <= self.visits <= _MAX_VISITS or self.alerts_per_visit < 1 or self.visits_per_field < 1:
            raise UserError(f"a night has 1 to {_MAX_VISITS:,} visits, a visit at least one alert, and a field at least one visit")
        if self._n_fields > MAX_FIELDS:
            raise UserError(f"{self.visits} visits need {self._n_fields} fields, and there are {MAX_FIELDS}: raise visits_per_field")
        if self._capacity > MAX_OBJECTS or self._solar_capacity > N_DESIGNATIONS // MAX_FIELDS:
            raise UserError(f"a field cannot have {self._capacity:,} objects: lower alerts_per_visit, visits_per_field or solar_share")

    def observe(self, first: int = 0, last: int | None = None) -> Iterator[Visit]:
        """Yield the visits from number `first` to before number `last`, counted from 0; the earlier ones are planned, but not made.

        With `recurrence` 1 and two visits a field, the second half of the night is of the same objects as the first one.
        """
        prototypes = load_prototypes(self.schema_version)
        fields = [self._field(number) for number in range(self._n_fields)]
        end = self.visits if last is None else min(last, self.visits)
        postponed: list[_Group] = []
        for number in range(end):
            alerts = self._alerts(fields[number % len(fields)], number // len(fields))
            if number < first:
                continue
            damaged = self._damaged(number)
            repeated = self._repeated(number, alerts)
            late = [] if number + 1 == end else [repeated._replace(objects=repeated.objects[1::2])]
            prompt = [repeated if not late else repeated._replace(objects=repeated.objects[::2])]
            yield Visit(
                sent=self._sent(alerts, len(repeated.objects), len(damaged)),
                size=sum(len(group.objects) for group in (*postponed, alerts, *prompt)) + len(damaged),
                _prototypes=prototypes,
                _before=postponed,
                _alerts=alerts,
                _damaged=damaged,
                _after=prompt,
            )
            postponed = late

    @property
    def _n_fields(self) -> int:
        return -(-self.visits // self.visits_per_field)

    @property
    def _capacity(self) -> int:
        return self.alerts_per_visit * -(-self.visits // self._n_fields)

    @property
    def _n_solar(self) -> int:
        return round(self.solar_share * self.alerts_per_visit)

    @property
    def _solar_capacity(self) -> int:
        return self._n_solar * -(-self.visits // self._n_fields)

    def _field(self, number: int) -> Field:
        corpus = CORPORA[self.corpus]
        of_objects = min(1.0, corpus.share / (1 - self.solar_share)) if self.solar_share < 1 else 0.0
        corpus = replace(corpus, share=of_objects)
        n_tonight = -(-(self.visits - number) // self._n_fields)
        epochs = epochs_of(self.night, number, first_sequence=self.first_sequence, n_fields=self._n_fields, n_tonight=n_tonight, depth=corpus.epochs[1])
        place = places()[number] if self.hosts and number < len(places()) else None
        return Field(self.seed, number, epochs, corpus, self._capacity, place=place)

    def _alerts(self, sky: Field, epoch: int) -> _Group:
        corpus: Corpus = sky.corpus
        recurrence = corpus.recurrence if self.recurrence is None else self.recurrence
        return _Group(sky, epoch, sky.visit(epoch, self.alerts_per_visit - self._n_solar, self._n_solar, recurrence))

    def _repeated(self, number: int, alerts: _Group) -> _Group:
        chosen = _chance.choose(len(alerts.objects), self._portion(self.repeated_share, number), self.seed, Purpose.REPEAT, number)
        return alerts._replace(objects=alerts.objects[chosen])

    def _damaged(self, number: int) -> list[tuple[int, str]]:
        """Return after which alerts of a visit a damaged copy is sent, and how each is damaged."""
        places = np.sort(_chance.choose(self.alerts_per_visit, self._portion(self.damaged_share, number), self.seed, Purpose.DAMAGE, number))
        kinds = _chance.below(len(KINDS), self.seed, Purpose.DAMAGE_KIND, number, places)
        return [(place, KINDS[kind]) for place, kind in zip(places.tolist(), kinds.tolist(), strict=True)]

    def _portion(self, share: float, number: int) -> int:
        """Return how many of a visit's alerts a share is, such that the night's total is right however small a visit is."""
        wanted = share * self.alerts_per_visit
        return int(wanted * (number + 1)) - int(wanted * number)

    def _sent(self, alerts: _Group, repeated: int, damaged: int) -> VisitSent:
        sky, epoch, objects = alerts
        return VisitSent(
            visit=int(sky.epochs.visits[sky.epochs.depth + epoch]),
            alerts=len(objects),
            solar=int(np.count_nonzero(sky.solar[objects])),
            repeated=repeated,
            damaged=damaged,
            digest=digest_of(trigger_ids(sky, epoch, objects)),
        )


def _check_night(night: int) -> None:
    try:
        date.fromisoformat(f"{night:08d}")
    except ValueError as error:
        raise UserError(f"a night is written YYYYMMDD; given: {night}") from error
