"""A filter as its owner wrote it, and as it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Run(IntEnum):
    """When a filter runs; the numbers are Lasair's."""

    muted = 0
    on_alert = 1
    on_annotation = 2
    both = 3


class Output(IntEnum):
    """Where a filter's matches go; the numbers are Lasair's, the last is ours."""

    none = 0
    digest = 1
    stream = 2
    lightcurve = 3
    full = 4
    webhook = 5


class State(StrEnum):
    """Whether a filter runs at all."""

    active = "active"
    paused = "paused"
    deleted = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What the owner of a filter says.

    Parameters
    ----------
    name : unique among the owner's filters.
    owner : name of the user.
    selected, tables, conditions : the three texts, as in Lasair.
    public : whether everybody may read its topic and its text.
    target : mail address of a digest, or address of a webhook; empty for others.
    """

    name: str
    owner: str
    description: str = ""
    selected: str
    tables: str = "objects"
    conditions: str = ""
    run: Run = Run.on_alert
    output: Output = Output.stream
    public: bool = False
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A stored filter.

    Parameters
    ----------
    id : given once, never again.
    version : 1 at first, one more with each edit.
    topic : of its matches; a new name leaves it as it is.
    reason : why it is paused, in words; empty if it is not.
    cost_us : CPU of one run over 10,000 alerts, measured when it was saved, µs.
    bytes_per_day, records_per_visit : quotas of a night's bytes and of a visit's matches; None: those of the deployment, -1: none.
    """

    id: int
    version: int
    definition: Definition
    topic: str
    state: State = State.active
    reason: str = ""
    cost_us: float = 0.0
    bytes_per_day: int | None = None
    records_per_visit: int | None = None
    created: datetime
    changed: datetime
    notes: tuple[str, ...] = field(default=())

    @property
    def runs_on_alerts(self) -> bool:
        """Whether nodes try it on each alert."""
        return self.state is State.active and self.definition.run in {Run.on_alert, Run.both}
