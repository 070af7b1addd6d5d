"""The ledger of a night: what came, what became of it, and whether it adds up.

Three independent counts are held against each other: what nodes counted as they archived (table `ledger`), what lies in
the archive (table `alerts`), and what nodes counted as they published (the ledger topic, in the same transactions).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..archive import read_rows
from ..config import Settings
from ..ingest import FILE_TOPIC
from ..kafka import read_topic
from ._filter_stats import FilterCounts, FilterNight

_COUNTED = """
    SELECT visit, sum(received) AS received, sum(archived) AS archived, sum(rejected) AS rejected, sum(repeated) AS repeated, sum(cutouts) AS cutouts,
           min(first_arrival) AS first_arrival, max(last_arrival) AS last_arrival,
           coalesce(sum(received) FILTER (WHERE starts_with(topic, %(file)s)), 0) AS unpublished
    FROM ledger WHERE night = %(night)s GROUP BY visit"""

_STORED = "SELECT visit, count(*) AS stored FROM alerts WHERE night = %(night)s GROUP BY visit"


@dataclass(slots=True, kw_only=True)
class VisitLedger:
    """The counts of one visit; `visit` is None for packets whose visit nobody can read.

    Parameters
    ----------
    received, archived, rejected, repeated, cutouts : as the archive side counted them.
    unpublished : of the received ones, those that came from files and are not meant to be published.
    published, dead_letters : as the publish side counted them.
    stored : rows of the archive's table `alerts`.
    """

    visit: int | None
    received: int = 0
    archived: int = 0
    published: int = 0
    rejected: int = 0
    repeated: int = 0
    cutouts: int = 0
    unpublished: int = 0
    dead_letters: int = 0
    stored: int = 0
    first_arrival: datetime | None = None
    last_arrival: datetime | None = None

    def problems(self) -> list[str]:
        """Return what does not add up, in words."""
        laws = (
            (self.received, self.archived + self.rejected + self.repeated, "received", "archived + rejected + repeated"),
            (self.archived, self.stored, "archived", "rows in the archive"),
            (self.received - self.unpublished, self.published + self.dead_letters, "received from Kafka", "published + dead letters"),
        )
        name = "unreadable packets" if self.visit is None else f"visit {self.visit}"
        return [f"{name}: {left_name} is {left:,}, but {right_name} is {right:,}" for left, right, left_name, right_name in laws if left != right]

    def report(self) -> dict[str, Any]:
        """Return the counts that users see, as JSON holds them."""
        arrivals = {name: moment and moment.isoformat() for name, moment in (("first_arrival", self.first_arrival), ("last_arrival", self.last_arrival))}
        return {name: getattr(self, name) for name in ("visit", *SHOWN)} | arrivals


SHOWN = ("received", "archived", "published", "rejected", "repeated", "cutouts")
"""The counts that users see, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ledger of one night, by visit, unreadable packets last; and by filter."""

    night: int
    visits: list[VisitLedger] = field(default_factory=list)
    filters: list[FilterNight] = field(default_factory=list)

    @property
    def total(self) -> dict[str, int]:
        """The sums over all visits."""
        return {name: sum(getattr(visit, name) for visit in self.visits) for name in SHOWN}

    def problems(self) -> list[str]:
        """Return what does not add up; empty when all does."""
        parts: list[VisitLedger | FilterNight] = [*self.visits, *self.filters]
        return [problem for part in parts for problem in part.problems()]

    def report(self) -> dict[str, Any]:
        """Return the ledger as JSON holds it."""
        problems = self.problems()
        visits, filters = ([one.report() for one in part] for part in (self.visits, self.filters))
        return {"night": self.night, "total": self.total, "visits": visits, "filters": filters, "adds_up": not problems, "problems": problems}


def read_ledger(settings: Settings, night: int) -> Ledger:
    """Return the ledger of a night.

    Raises
    ------
    UpstreamError
        If PostgreSQL or Kafka do not answer.
    """
    visits: dict[int | None, VisitLedger] = {}

    def at(visit: int | None) -> VisitLedger:
        return visits.setdefault(visit, VisitLedger(visit=visit))

    _count_archived(settings, night, at)
    records = (record.value or b"" for record in read_topic(settings.kafka, settings.kafka.ledger_topic))
    filters = _count_published(records, night, at)
    return Ledger(night=night, visits=sorted(visits.values(), key=lambda v: (v.visit is None, v.visit or 0)), filters=filters)


def _count_archived(settings: Settings, night: int, at: Any) -> None:
    for statement in (_COUNTED, _STORED):
        for row in read_rows(settings.archive_dsn, statement, {"night": night, "file": FILE_TOPIC}):
            entry = at(row.pop("visit"))
            for name, value in row.items():
                setattr(entry, name, value)


def _count_published(records: Iterable[bytes], night: int, at: Any) -> list[FilterNight]:
    """Count what was published of visits, and return what filters did."""
    published: dict[int, int] = defaultdict(int)
    filters = FilterCounts(night)
    for record in records:
        counts = json.loads(record)
        for of_night, visit, n in counts["published"]:
            if of_night == night:
                published[visit] += n
        for of_night, n in counts["rejected"]:
            if of_night == night:
                at(None).dead_letters += n
        if "filters" in counts:
            filters.add(counts["filters"])
    for visit, n in published.items():
        at(visit).published = n
    return filters.result()
