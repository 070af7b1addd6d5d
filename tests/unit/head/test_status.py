from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from splanc.config import ArchiveSettings, Settings
from splanc.errors import UpstreamError
from splanc.head import _status, read_status, registry_of
from splanc.packet import Partition

from .reports import record

FIRST, SECOND, OTHER = Partition("a", 0), Partition("a", 1), Partition("b", 0)


@pytest.fixture
def settings() -> Settings:
    return Settings(archive=ArchiveSettings(dsn=SecretStr("postgresql://nowhere/splanc")))


def test_nodes_partitions_and_lags(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registry_of([record("n1", 1, partitions={"a/0": [6, 5]}), record("gone", 1, ago=99, partitions={"a/1": [0, 0]})])
    monkeypatch.setattr(_status, "read_registry", lambda _settings: registry)
    monkeypatch.setattr(_status, "end_offsets", lambda _kafka, _topics: {SECOND: 4, FIRST: 10, OTHER: 0})
    monkeypatch.setattr(_status, "committed_offsets", lambda _kafka, _group, _partitions: {FIRST: 7})
    answers = {_status._MARKS: [{"topic": "a", "partition": n, "next_offset": 5 - n} for n in (0, 1)], _status._UNCLASSIFIED: [{"n": 3}]}
    monkeypatch.setattr(_status, "read_rows", lambda _dsn, statement: answers[statement])
    report = json.loads(json.dumps(read_status(settings)))
    assert report["partitions"] == [
        {"partition": "a/0", "node": "n1", "end": 10, "published": 7, "archived": 5, "lag_publish": 3, "lag_archive": 5},
        {"partition": "a/1", "node": None, "end": 4, "published": 0, "archived": 4, "lag_publish": 4, "lag_archive": 0},
        {"partition": "b/0", "node": None, "end": 0, "published": 0, "archived": 0, "lag_publish": 0, "lag_archive": 0},
    ]
    assert report["lag"] == {"publish": 7, "archive": 5}
    assert report["uploads"] == {"packs": 1, "bytes": 50}
    assert report["unclassified"] == 3
    assert report["archive_error"] is None
    (node,) = report["nodes"]
    assert node["node"] == "n1"
    assert "latency" not in node


def test_while_the_archive_cannot_be_read_its_marks_and_lags_are_unknown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise UpstreamError("connection refused")

    monkeypatch.setattr(_status, "read_rows", refuse)
    monkeypatch.setattr(_status, "read_registry", lambda _settings: registry_of([]))
    monkeypatch.setattr(_status, "end_offsets", lambda _kafka, _topics: {FIRST: 10})
    monkeypatch.setattr(_status, "committed_offsets", lambda _kafka, _group, _partitions: {FIRST: 7})
    reports = [read_status(settings), read_status(Settings())]
    for report in reports:
        assert report["partitions"] == [{"partition": "a/0", "node": None, "end": 10, "published": 7, "archived": None, "lag_publish": 3, "lag_archive": None}]
        assert report["lag"] == {"publish": 3, "archive": None}
    assert [report["archive_error"] for report in reports] == ["connection refused", "the embedded PostgreSQL is not running; `splanc up` starts it"]
