from __future__ import annotations

from dataclasses import replace

import pytest

from splanc.cli._demo_filters import untried
from splanc.cli._demo_run import disagreements
from splanc.head import FilterNight, Ledger, VisitLedger
from splanc.simulator import Sent, VisitSent
from tests.unit.streams.filters import filter_of

NIGHT = 20260101
FIRST, SECOND = 2026010100001, 2026010100002


def sent(*visits: tuple[int, int, int, int]) -> Sent:
    """What was sent: visit, alerts, repeated, damaged."""
    made = tuple(VisitSent(visit=visit, alerts=alerts, solar=0, repeated=repeated, damaged=damaged, digest="0") for visit, alerts, repeated, damaged in visits)
    return Sent(night=NIGHT, seed=1, schema_version="11.1", corpus="mixed", destination="kafka", seconds=1.0, visits=made)


def taken(visit: int, alerts: int, repeated: int = 0) -> VisitLedger:
    received = alerts + repeated
    return VisitLedger(visit=visit, received=received, archived=alerts, published=received, repeated=repeated, stored=alerts)


def unreadable(damaged: int) -> VisitLedger:
    return VisitLedger(visit=None, received=damaged, rejected=damaged, dead_letters=damaged)


def ledger(*visits: VisitLedger) -> Ledger:
    return Ledger(night=NIGHT, visits=list(visits))


SENT = sent((FIRST, 100, 2, 1), (SECOND, 50, 0, 3))
TAKEN = ledger(taken(FIRST, 100, 2), taken(SECOND, 50), unreadable(4))


def test_a_night_taken_as_it_was_sent_agrees() -> None:
    assert disagreements(SENT, ledger(), TAKEN) == []


def test_what_was_there_before_does_not_count() -> None:
    before = ledger(taken(FIRST, 7, 1), taken(FIRST - 1, 1000), unreadable(2))
    after = ledger(taken(FIRST - 1, 1000), taken(FIRST, 107, 3), taken(SECOND, 50), unreadable(6))
    assert disagreements(SENT, before, after) == []
    assert disagreements(SENT, before, before) == [
        f"visit {FIRST}: received is 0, but should be 102",
        f"visit {FIRST}: archived is 0, but should be 100",
        f"visit {FIRST}: published is 0, but should be 102",
        f"visit {FIRST}: repeated is 0, but should be 2",
        f"visit {SECOND}: received is 0, but should be 50",
        f"visit {SECOND}: archived is 0, but should be 50",
        f"visit {SECOND}: published is 0, but should be 50",
        "unreadable packets: rejected is 0, but should be 4",
        "unreadable packets: dead_letters is 0, but should be 4",
    ]


@pytest.mark.parametrize("count", ["received", "archived", "published", "repeated"])
@pytest.mark.parametrize("by", [-1, 1])
def test_one_alert_too_few_or_too_many_is_said(count: str, by: int) -> None:
    first, *rest = TAKEN.visits
    changed = replace(first, **{count: getattr(first, count) + by})
    (problem,) = disagreements(SENT, ledger(), ledger(changed, *rest))
    assert problem.startswith(f"visit {FIRST}: {count} is {getattr(changed, count)}, but should be ")


@pytest.mark.parametrize(("count", "by"), [("rejected", -1), ("rejected", 1), ("dead_letters", -1), ("dead_letters", 1)])
def test_one_unreadable_packet_too_few_or_too_many_is_said(count: str, by: int) -> None:
    *visits, last = TAKEN.visits
    changed = replace(last, **{count: getattr(last, count) + by})
    assert disagreements(SENT, ledger(), ledger(*visits, changed)) == [f"unreadable packets: {count} is {4 + by}, but should be 4"]


def test_a_filter_that_missed_an_alert_is_noticed() -> None:
    one, other = filter_of(1), filter_of(2)
    before = replace(ledger(), filters=[FilterNight(filter=1, night=NIGHT, evaluated=1000)])
    after = replace(ledger(), filters=[FilterNight(filter=1, night=NIGHT, evaluated=1152), FilterNight(filter=2, night=NIGHT, evaluated=152)])
    assert untried([one, other], 152, before, after) == []
    assert untried([one, other], 153, before, after) == [
        f"filter {name}: evaluated is 152, but should be 153" for name in (one.definition.name, other.definition.name)
    ]
    assert untried([filter_of(3)], 1, before, after) == [f"filter {filter_of(3).definition.name}: evaluated is 0, but should be 1"]
