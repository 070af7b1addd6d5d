from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from splanc.config import FilterSettings, KafkaSettings
from splanc.ingest import NodeReport, PublishSide
from splanc.kafka import TransactionAborted
from splanc.metrics import Metrics
from splanc.packet import Partition
from splanc.streams import FilterStreams, FilterTopics, Quotas
from tests.unit.streams.batches import NIGHT, TIMESTAMP_MS, VISIT, batch_of
from tests.unit.streams.filters import SharedRecords, by_id, filter_of, with_matches

PLACE = Partition("alerts", 0)


@dataclass
class NotedTransaction:
    refuse: bool
    refused: dict[str, str]
    sent: list[tuple[str, list[bytes], Any, Any]] = field(default_factory=list)
    committed: list[tuple[Mapping[Partition, int], object]] = field(default_factory=list)

    def send(self, topic: str, values: Sequence[bytes], keys: Any = None, headers: Any = None) -> None:
        assert not self.committed
        self.sent.append((topic, list(values), keys, headers))

    def commit(self, offsets: Mapping[Partition, int], group_metadata: object) -> None:
        if self.refuse:
            raise TransactionAborted("the partitions have gone", refused=self.refused)
        self.committed.append((offsets, group_metadata))


class NotedOutbox:
    def __init__(self) -> None:
        self.refuse = False
        self.refused: dict[str, str] = {}
        self.transactions: list[NotedTransaction] = []
        self.tried: list[list[str]] = []

    @contextmanager
    def transaction(self) -> Iterator[NotedTransaction]:
        self.transactions.append(NotedTransaction(self.refuse, self.refused))
        yield self.transactions[-1]

    def refusal_of(self, topics: Sequence[str]) -> str | None:
        self.tried.append(list(topics))
        return "no right" if "topic_1" in topics else None


def idle() -> None:
    """Nobody waits for a sign of life."""


class Member:
    def group_metadata(self) -> str:
        return "proof of membership"


@pytest.fixture
def outbox() -> NotedOutbox:
    return NotedOutbox()


@pytest.fixture
def report() -> NodeReport:
    return NodeReport("node-1", Metrics())


@pytest.fixture
def side(outbox: NotedOutbox, report: NodeReport) -> PublishSide:
    return PublishSide(KafkaSettings(), outbox, Member(), report=report, metrics=report._metrics)  # type: ignore[arg-type]


def test_all_of_a_batch_goes_in_one_transaction_with_the_offsets(side: PublishSide, outbox: NotedOutbox) -> None:
    side.publish(batch_of([{"diaObjectId": 7}, None, {"visit": VISIT + 1}]), {PLACE: 3}, idle)
    (transaction,) = outbox.transactions
    lite, dead, ledger = transaction.sent
    assert lite[0] == "splanc_alerts_lite"
    assert [json.loads(record)["diaSourceId"] for record in lite[1]] == [1000, 1002]
    assert lite[2] == [b"7", b"1002"]
    assert (dead[0], dead[1]) == ("splanc_deadletters", [b"packet 1"])
    assert dead[3] == [
        {"topic": b"alerts", "partition": b"0", "offset": b"1", "timestamp": b"%d" % (TIMESTAMP_MS + 1), "error": b"truncated", "text": b"it ends too early"}
    ]
    assert ledger[0] == "splanc_ledger"
    assert [json.loads(record) for record in ledger[1]] == [
        {"node": "node-1", "published": [[NIGHT, VISIT, 1], [NIGHT, VISIT + 1, 1]], "rejected": [[NIGHT, 1]]}
    ]
    assert transaction.committed == [({PLACE: 3}, "proof of membership")]


def test_what_was_published_is_counted(side: PublishSide, report: NodeReport) -> None:
    with capture_logs() as logs:
        side.publish(batch_of([{}, None, {}, None]), {PLACE: 4}, idle)
    sample = report._metrics.registry.get_sample_value
    assert (report.counts["published"], report.counts["rejected"]) == (2, 2)
    assert report.newest_ms["publish"] == TIMESTAMP_MS + 2
    assert sample("splanc_node_packets_rejected_total", {"error_type": "truncated"}) == 2
    assert sample("splanc_stage_alerts_sent_total", {"stage": "publish"}) == 2
    latency = report._metrics.latency["publish"]
    assert latency.cumulative(())[-1] == 2
    assert latency.max_seconds == pytest.approx(time.time() - TIMESTAMP_MS / 1000, abs=60)
    assert [(line["log_level"], line["packets"], line["first"]) for line in logs] == [("warning", 2, "alerts[0] offset 1: it ends too early")]


def test_a_batch_of_rejected_packets_only_has_no_latency(side: PublishSide, report: NodeReport) -> None:
    side.publish(batch_of([None]), {PLACE: 1}, idle)
    assert (report.counts["published"], report.counts["rejected"], report.newest_ms["publish"]) == (0, 1, None)


def test_a_quiet_batch_says_nothing(side: PublishSide) -> None:
    with capture_logs() as logs:
        side.publish(batch_of([{}]), {PLACE: 1}, idle)
    assert logs == []


def test_an_aborted_transaction_counts_nothing(side: PublishSide, outbox: NotedOutbox, report: NodeReport) -> None:
    outbox.refuse = True
    with pytest.raises(TransactionAborted):
        side.publish(batch_of([{}, None]), {PLACE: 2}, idle)
    assert set(report.counts.values()) == {0}
    assert report._metrics.latency["publish"].percentile(0.5) is None


class Cluster:
    def __init__(self) -> None:
        self.created: list[str] = []

    def create(self, names: Collection[str]) -> dict[str, str]:
        self.created += names
        return {}


def filtering(outbox: NotedOutbox, report: NodeReport, cluster: Cluster, shared: SharedRecords, **settings: int) -> PublishSide:
    """Return a publish side with two filters."""
    filters = by_id(filter_of(1), filter_of(2))
    quotas = Quotas(shared.seen_by_a_node())
    streams = FilterStreams(FilterSettings(**settings), lambda: filters, dict, topics=FilterTopics(cluster.create), quotas=quotas)
    return PublishSide(KafkaSettings(), outbox, Member(), report=report, metrics=report._metrics, streams=streams)  # type: ignore[arg-type]


def test_matches_notices_and_counts_go_in_the_same_transaction(outbox: NotedOutbox, report: NodeReport) -> None:
    side = filtering(outbox, report, Cluster(), SharedRecords(), quota_records_per_visit=1)
    side.publish(with_matches(batch_of([{}, {}]), [(0, 1, '{"a":1}'), (1, 1, '{"a":2}'), (1, 2, '{"a":3}')]), {PLACE: 2}, idle)
    (transaction,) = outbox.transactions
    sent = {topic: values for topic, values, _, _ in transaction.sent}
    assert list(sent) == ["splanc_alerts_lite", "splanc_deadletters", "topic_1", "topic_2", "splanc_notices", "splanc_ledger"]
    assert [[json.loads(value)["a"] for value in sent[topic]] for topic in ("topic_1", "topic_2")] == [[1], [3]]
    (counts,) = [json.loads(value)["filters"] for value in sent["splanc_ledger"]]
    assert [(one["filter"], one["matched"], one["published"], one.get("quota")) for one in counts["counts"]] == [(1, 2, 1, 1), (2, 1, 1, None)]
    assert transaction.committed
    sample = report._metrics.registry.get_sample_value
    assert sample("splanc_streams_matches_published_total") == 2
    assert sample("splanc_streams_matches_withheld_total", {"reason": "quota"}) == 1
    assert sample("splanc_streams_published_bytes_total") == sum(len(value) for topic in ("topic_1", "topic_2") for value in sent[topic])


def test_a_topic_that_refuses_twice_is_passed_over_so_that_all_else_goes_on(outbox: NotedOutbox, report: NodeReport) -> None:
    cluster = Cluster()
    side = filtering(outbox, report, cluster, SharedRecords())
    batch = with_matches(batch_of([{}]), [(0, 1, '{"a":1}'), (0, 2, '{"a":2}')])
    outbox.refuse, outbox.refused = True, {"topic_2": "no right"}
    for _ in range(2):
        with pytest.raises(TransactionAborted):
            side.publish(batch, {PLACE: 1}, idle)
    outbox.refuse = False
    side.publish(batch, {PLACE: 1}, idle)
    topics = [[topic for topic, *_ in transaction.sent if topic.startswith("topic")] for transaction in outbox.transactions]
    assert topics == [["topic_1", "topic_2"]] * 2 + [["topic_1"]]
    assert cluster.created == ["topic_1", "topic_2"] * 2 + ["topic_1"]
    assert report._metrics.registry.get_sample_value("splanc_streams_matches_withheld_total", {"reason": "topic"}) == 1


def test_it_says_that_it_lives_before_each_trial_of_topics(outbox: NotedOutbox, report: NodeReport) -> None:
    side = filtering(outbox, report, Cluster(), SharedRecords())
    batch = with_matches(batch_of([{}]), [(0, 1, '{"a":1}'), (0, 2, '{"a":2}')])
    outbox.refuse = True
    alive: list[int] = []
    for _ in range(2):
        with pytest.raises(TransactionAborted):
            side.publish(batch, {PLACE: 1}, lambda: alive.append(len(outbox.tried)))
    own = ["splanc_alerts_lite", "splanc_deadletters", "splanc_notices", "splanc_ledger"]
    assert outbox.tried == [own, ["topic_1", "topic_2"], ["topic_1"], ["topic_2"], own]
    assert alive == [0, 1, 2, 3, 4]
