from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.head import SHOWN, Ledger, VisitLedger

VISIT = 2026010100001
SOUND = VisitLedger(visit=VISIT, received=12, archived=9, rejected=0, repeated=3, published=10, unpublished=2, dead_letters=0, stored=9, cutouts=27)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"received": 13}, ["received is 13, but archived + rejected + repeated is 12", "received from Kafka is 11, but published + dead letters is 10"]),
        ({"archived": 8}, ["received is 12, but archived + rejected + repeated is 11", "archived is 8, but rows in the archive is 9"]),
        ({"rejected": 1}, ["received is 12, but archived + rejected + repeated is 13"]),
        ({"repeated": 2}, ["received is 12, but archived + rejected + repeated is 11"]),
        ({"stored": 8}, ["archived is 9, but rows in the archive is 8"]),
        ({"published": 9}, ["received from Kafka is 10, but published + dead letters is 9"]),
        ({"published": 11}, ["received from Kafka is 10, but published + dead letters is 11"]),
        ({"dead_letters": 1}, ["received from Kafka is 10, but published + dead letters is 11"]),
        ({"unpublished": 0}, ["received from Kafka is 12, but published + dead letters is 10"]),
        ({"cutouts": 0}, []),
    ],
)
def test_each_law_that_is_broken_is_said(changes: dict[str, int], said: list[str]) -> None:
    visit = replace(SOUND, **changes)
    assert visit.problems() == [f"visit {VISIT}: {problem}" for problem in said]
    ledger = Ledger(night=20260101, visits=[replace(SOUND, visit=VISIT + 1), visit])
    assert ledger.problems() == visit.problems()
    assert ledger.report()["adds_up"] is (not said)


def test_unreadable_packets_have_no_visit_and_large_numbers_are_legible() -> None:
    sound = VisitLedger(visit=None, received=12345, rejected=12345, dead_letters=12345)
    assert sound.problems() == []
    assert replace(sound, dead_letters=12344).problems() == ["unreadable packets: received from Kafka is 12,345, but published + dead letters is 12,344"]


counts = st.integers(0, 5)


@settings(max_examples=30)
@given(archived=counts, rejected=counts, repeated=counts, files=counts)
def test_what_follows_the_laws_has_no_problems_and_any_single_change_has(archived: int, rejected: int, repeated: int, files: int) -> None:
    received = archived + rejected + repeated
    from_files = min(files, received)
    visit = VisitLedger(visit=1, received=received, archived=archived, rejected=rejected, repeated=repeated, stored=archived, unpublished=from_files)
    visit.published, visit.dead_letters = max(0, received - from_files - rejected), min(rejected, received - from_files)
    assert visit.problems() == []
    for name in ("received", "archived", "rejected", "repeated", "stored", "published", "dead_letters", "unpublished"):
        assert replace(visit, **{name: getattr(visit, name) + 1}).problems() != [], name


def test_the_report_is_json_with_the_shown_counts_and_their_sums() -> None:
    arrival = datetime(2026, 1, 2, 5, 30, tzinfo=UTC)
    unreadable = VisitLedger(visit=None, received=1, rejected=1)
    ledger = Ledger(night=20260101, visits=[replace(SOUND, first_arrival=arrival, last_arrival=arrival), unreadable])
    report = json.loads(json.dumps(ledger.report()))
    assert report["night"] == 20260101
    assert report["total"] == {"received": 13, "archived": 9, "published": 10, "rejected": 1, "repeated": 3, "cutouts": 27}
    first, last = report["visits"]
    assert list(first) == ["visit", *SHOWN, "first_arrival", "last_arrival"]
    assert (first["visit"], first["first_arrival"], first["published"]) == (VISIT, "2026-01-02T05:30:00+00:00", 10)
    assert (last["visit"], last["first_arrival"]) == (None, None)
    assert report["adds_up"] is False
    assert report["problems"] == ["unreadable packets: received from Kafka is 1, but published + dead letters is 0"]


def test_an_empty_night_adds_up() -> None:
    report = Ledger(night=20260101).report()
    assert (report["adds_up"], report["visits"], set(report["total"].values())) == (True, [], {0})
