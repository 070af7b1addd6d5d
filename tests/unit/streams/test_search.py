from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.streams._search import refusing

OWN = ("lite", "ledger")


class Cluster:
    """Topics that refuse; from a trial on, Kafka is away."""

    def __init__(self, refuse: Collection[str], away_from: int = 10_000) -> None:
        self.refuse, self.away_from = set(refuse), away_from
        self.tried: list[tuple[str, ...]] = []

    def trial(self, topics: Sequence[str]) -> str | None:
        self.tried.append(tuple(topics))
        if len(self.tried) > self.away_from:
            return "away"
        return next((f"{topic} refuses" for topic in topics if topic in self.refuse), None)


def names(count: int) -> list[str]:
    return [f"t{number:03}" for number in range(count)]


@given(st.integers(0, 40).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.sampled_from(names(count))) if count else st.just(set()))))
def test_all_that_refuse_are_found_and_no_other(drawn: tuple[int, set[str]]) -> None:
    count, bad = drawn
    assert refusing(names(count), OWN, Cluster(bad).trial) == {topic: f"{topic} refuses" for topic in bad}


def test_a_topic_is_found_in_few_trials_and_met_twice() -> None:
    cluster = Cluster(["t037"])
    assert list(refusing(names(50), OWN, cluster.trial)) == ["t037"]
    assert len(cluster.tried) == 2 + 7 + 8
    assert sum("t037" in topics for topics in cluster.tried) == 2


@pytest.mark.parametrize("away_from", range(17))
def test_while_kafka_is_away_nobody_is_blamed(away_from: int) -> None:
    cluster = Cluster([], away_from)
    assert refusing(names(50), OWN, cluster.trial) == {}
    assert cluster.tried[0] == OWN
    if away_from == 0:
        assert len(cluster.tried) == 1


def test_while_own_topics_refuse_nobody_is_blamed() -> None:
    cluster = Cluster(["ledger", "t001"])
    assert refusing(names(3), OWN, cluster.trial) == {}
    assert cluster.tried == [OWN]
