"""What each filter did in each night: from the counts that nodes published in the transactions that published its matches."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..archive import read_rows
from ..config import Settings
from ..errors import UserError
from ..kafka import read_topic
from ..metrics import LatencyHistogram
from ..streams import WITHHELD, Fate, from_ranges


@dataclass(slots=True, kw_only=True)
class FilterNight:
    """The counts of one filter and night.

    Parameters
    ----------
    evaluated : alerts that it was tried on.
    matched : those that it selected.
    published : matches that are in its topic.
    withheld : matches that are not, by reason: quota, topic, size, schema.
    silent : matches while its output was none.
    size_bytes : of what was published, without keys and headers.
    cpu_us : processor time, µs.
    latency : from Kafka's timestamp of an alert to its match's publication.
    """

    filter: int
    night: int
    evaluated: int = 0
    matched: int = 0
    published: int = 0
    withheld: dict[str, int] = field(default_factory=lambda: {fate.name: 0 for fate in WITHHELD})
    silent: int = 0
    size_bytes: int = 0
    cpu_us: int = 0
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)

    def problems(self) -> list[str]:
        """Return what does not add up, in words."""
        name = f"filter {self.filter}"
        withheld = sum(self.withheld.values())
        accounted = self.published + withheld + self.silent
        found = []
        if self.matched != accounted:
            found.append(f"{name}: matched is {self.matched:,}, but published + withheld + silent is {accounted:,}")
        if self.matched > self.evaluated:
            found.append(f"{name}: matched is {self.matched:,}, but evaluated is {self.evaluated:,}")
        return found

    def report(self) -> dict[str, Any]:
        """Return the counts as JSON holds them; latencies in seconds."""
        latency = self.latency.summary()
        return {
            **{name: getattr(self, name) for name in ("filter", "night", "evaluated", "matched", "published")},
            "withheld": sum(self.withheld.values()),
            "withheld_by": {reason: n for reason, n in self.withheld.items() if n},
            **{name: getattr(self, name) for name in ("silent", "size_bytes", "cpu_us")},
            "latency_p50": latency["p50"],
            "latency_p99": latency["p99"],
            "problems": self.problems(),
        }


class FilterCounts:
    """Adds up what the records of the ledger topic say of filters.

    Parameters
    ----------
    night : the only night that is wanted; None: all.
    """

    def __init__(self, night: int | None = None) -> None:
        self._night = night
        self._found: dict[tuple[int, int], FilterNight] = {}

    def add(self, said: dict[str, Any]) -> None:
        """Add what one record says under `filters`."""
        for night, alerts in said["evaluated"]:
            if self._wanted(night):
                for number in from_ranges(said["ran"]):
                    self._at(number, night).evaluated += alerts
        for one in said["counts"]:
            if self._wanted(one["night"]):
                _add(self._at(one["filter"], one["night"]), one)
        for number, night, cpu_us in said["cpu_us"]:
            if self._wanted(night):
                self._at(number, night).cpu_us += cpu_us

    def result(self) -> list[FilterNight]:
        """Return the counts by night and filter."""
        return sorted(self._found.values(), key=lambda one: (one.night, one.filter))

    def _wanted(self, night: int) -> bool:
        return self._night is None or night == self._night

    def _at(self, number: int, night: int) -> FilterNight:
        return self._found.setdefault((number, night), FilterNight(filter=number, night=night))


def _add(found: FilterNight, one: dict[str, Any]) -> None:
    found.matched += one["matched"]
    found.published += one.get(Fate.published.name, 0)
    found.silent += one.get(Fate.silent.name, 0)
    found.size_bytes += one["bytes"]
    found.latency.merge(one["latency"])
    for reason in found.withheld:
        found.withheld[reason] += one.get(reason, 0)


def read_filter_stats(settings: Settings, night: int | None = None) -> list[FilterNight]:
    """Return what filters did, by night and filter.

    Parameters
    ----------
    night : the only night that is wanted; None: all.

    Raises
    ------
    UpstreamError
        If Kafka does not answer.
    """
    return filter_nights((record.value or b"" for record in read_topic(settings.kafka, settings.kafka.ledger_topic)), night)


def filter_names(settings: Settings, name: str | None = None) -> dict[int, str]:
    """Return the names of filters by id, deleted ones too.

    Parameters
    ----------
    name : only those of this name, in any case, whoever's they are; None: all.

    Raises
    ------
    UserError
        If there is none of that name.
    UpstreamError
        If PostgreSQL does not answer.
    """
    rows = read_rows(settings.archive_dsn, "SELECT id, name FROM filters WHERE lower(name) = lower(coalesce(%s, name))", (name,))
    if name is not None and not rows:
        raise UserError(f"there is no filter {name}; `splanc filter list` shows those that are there")
    return {row["id"]: row["name"] for row in rows}


def filter_nights(records: Iterable[bytes], night: int | None = None) -> list[FilterNight]:
    """Return what records of the ledger topic say of filters."""
    counts = FilterCounts(night)
    for record in records:
        said = json.loads(record).get("filters")
        if said is not None:
            counts.add(said)
    return counts.result()
