from __future__ import annotations

from collections.abc import Collection

from splanc.streams import FilterTopics


class Cluster:
    """Topics that are there, and names that it refuses."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        self.topics: list[str] = []
        self.refused = set(refused)
        self.now = 0.0

    def create(self, names: Collection[str]) -> dict[str, str]:
        self.topics += [name for name in names if name not in self.refused]
        return {name: "not allowed" for name in names if name in self.refused}

    def clock(self) -> float:
        return self.now


def test_topics_are_created_once() -> None:
    cluster = Cluster()
    topics = FilterTopics(cluster.create, cluster.clock)
    assert topics.closed(["a", "b"]) == {}
    assert topics.closed(["b", "c"]) == {}
    assert cluster.topics == ["a", "b", "c"]


def test_what_cannot_be_created_is_closed_and_tried_again_after_ten_minutes() -> None:
    cluster = Cluster(["a"])
    topics = FilterTopics(cluster.create, cluster.clock)
    assert topics.closed(["a", "b"]) == {"a": "not allowed"}
    cluster.refused.clear()
    cluster.now = 599.0
    assert topics.closed(["a"]) == {"a": "not allowed"}
    cluster.now = 600.0
    assert topics.closed(["a"]) == {}
    assert cluster.topics == ["b", "a"]


def test_a_topic_that_refuses_is_made_anew_at_first_and_closed_the_second_time() -> None:
    cluster = Cluster()
    topics = FilterTopics(cluster.create, cluster.clock)
    topics.closed(["a", "b"])
    topics.doubt(["a"])
    topics.refused({"a": "it is gone"})
    assert topics.closed(["a", "b"]) == {}
    assert cluster.topics == ["a", "b", "a"]
    topics.refused({"a": "no right"})
    assert topics.closed(["a", "b"]) == {"a": "no right"}


def test_a_topic_that_takes_records_is_not_suspected_any_more() -> None:
    cluster = Cluster()
    topics = FilterTopics(cluster.create, cluster.clock)
    for _ in range(3):
        topics.refused({"a": "it is gone"})
        assert topics.closed(["a"]) == {}
        topics.took(["a"])


def test_a_topic_that_still_refuses_when_it_is_tried_again_is_closed_at_once() -> None:
    cluster = Cluster()
    topics = FilterTopics(cluster.create, cluster.clock)
    topics.refused({"a": "no right"})
    topics.refused({"a": "no right"})
    cluster.now = 600.0
    assert topics.closed(["a"]) == {}
    topics.refused({"a": "no right"})
    assert topics.closed(["a"]) == {"a": "no right"}
