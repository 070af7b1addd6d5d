from __future__ import annotations

from datetime import UTC, datetime

import pytest

from splanc.config import KafkaSettings, Settings
from splanc.filters import access, sync_access
from splanc.filters.definition import Definition, Filter, State
from splanc.kafka import AccessChanges, TopicReaders

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def filter_of(number: int, *, public: bool = False, state: State = State.active) -> Filter:
    definition = Definition(name=f"filter {number}", owner=f"user{number}", selected="objects.diaObjectId", public=public)
    return Filter(id=number, version=1, definition=definition, topic=f"lasair_{number}", state=state, created=WHEN, changed=WHEN)


def test_filters_are_readable_by_owners_and_by_all_if_public(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[TopicReaders] = []

    class Noted:
        def __init__(self, _kafka: KafkaSettings, prefix: str) -> None:
            assert prefix == "lasair_"

        def reconcile(self, topics: list[TopicReaders]) -> AccessChanges:
            wanted.extend(topics)
            return AccessChanges(made=7, removed=0)

    monkeypatch.setattr(access, "Access", Noted)
    filters = [filter_of(1), filter_of(2, public=True), filter_of(3, public=True, state=State.deleted), filter_of(4, state=State.paused)]
    settings = Settings(kafka=KafkaSettings(public_port=9092))
    assert sync_access(settings, filters) == AccessChanges(made=7, removed=0)
    assert wanted == [
        TopicReaders(topic="lasair_1", owner="user1"),
        TopicReaders(topic="lasair_2", owner="user2", public=True),
        TopicReaders(topic="lasair_4", owner="user4"),
    ]


def test_rights_that_are_not_splancs_are_left_alone() -> None:
    for kafka in (KafkaSettings(), KafkaSettings(bootstrap_servers="host:9092")):
        assert sync_access(Settings(kafka=kafka), [filter_of(1)]) is None
