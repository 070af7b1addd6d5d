"""How every Kafka client of splanc is configured, and questions to the cluster: topics, offsets, groups."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from ..config import KafkaSettings
from ..errors import SplancError, UpstreamError, UserError
from ..packet import Partition

ANSWER_SECONDS = 30.0
"""Longest wait for the cluster: more than a restart of the embedded broker, or than the timeout of a dead node's transaction, take."""

_REQUEST_SECONDS = 10.0
"""Longest wait for one answer before asking again."""

_RETRY_SECONDS = 0.2
"""Pause before asking again."""

MAX_MESSAGE_BYTES = 32 << 20
"""Largest message that our producers send and our dead-letter topic takes: any packet in its wrapping, bytes."""

QUOTA_HOURS = 48.0
"""Claims on quotas are kept so long, hours: a night and then some."""

_TRANSIENT = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._WAIT_COORD,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
    }
)
"""Errors of a cluster that is starting, moving its leaders or finishing a transaction: ask again."""

_ALARMING = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._RESOLVE, KafkaError._SSL})
"""Errors of a client's connection that a person should know of; the client itself goes on trying."""

_REFUSED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})
"""Errors that only the cluster's owner can mend."""

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """How a topic is created.

    Parameters
    ----------
    retention_hours : how long messages are kept; None keeps them for ever.
    compacted : whether only the last message of each key is kept.
    max_message_bytes : largest message; None takes the broker's own bound.
    """

    partitions: int = 1
    replication: int = 1
    retention_hours: float | None = None
    compacted: bool = False
    max_message_bytes: int | None = None

    def config(self) -> dict[str, str]:
        """Return the topic's configuration as Kafka spells it."""
        hours = self.retention_hours
        config = {"retention.ms": "-1" if hours is None else str(round(hours * 3_600_000))}
        if self.compacted:
            config["cleanup.policy"] = "compact"
        if self.max_message_bytes is not None:
            config["max.message.bytes"] = str(self.max_message_bytes)
        return config


class _Log:
    """Takes librdkafka's own lines, which repeat what our errors say better."""

    def log(self, level: int, template: str, *values: object) -> None:
        _log.debug("kafka client line", level=level, line=template % values)


def bootstrap_servers(kafka: KafkaSettings) -> str:
    """Return the addresses of the given Kafka, or of the embedded broker."""
    return kafka.bootstrap_servers or f"127.0.0.1:{kafka.port}"


def client_config(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the part of librdkafka's configuration that all clients share; only here are secrets in the clear."""
    given = {
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.sasl_username,
        "sasl.password": kafka.sasl_password and kafka.sasl_password.get_secret_value(),
        "ssl.ca.location": kafka.ssl_ca_location and str(kafka.ssl_ca_location),
        "ssl.certificate.location": kafka.ssl_certificate_location and str(kafka.ssl_certificate_location),
        "ssl.key.location": kafka.ssl_key_location and str(kafka.ssl_key_location),
        "ssl.key.password": kafka.ssl_key_password and kafka.ssl_key_password.get_secret_value(),
    }
    return {
        "bootstrap.servers": bootstrap_servers(kafka),
        "security.protocol": kafka.security_protocol,
        "client.id": "splanc",
        "logger": _Log(),
        "error_cb": _on_client_error,
        **{key: value for key, value in given.items() if value is not None},
    }


def _on_client_error(error: KafkaError) -> None:
    if error.code() in _ALARMING:
        _log.warning("kafka unreachable", error=error.name(), text=error.str())
    else:
        _log.debug("kafka client error", error=error.name(), text=error.str())


def is_transient(error: KafkaError) -> bool:
    """Say whether asking again may help."""
    return error.retriable() or error.code() in _TRANSIENT


def in_words(error: KafkaError, doing: str) -> SplancError:
    """Return our error for one of Kafka's, saying what was being done and what to do."""
    text = f"{doing}: {error.str()} ({error.name()})"
    if error.code() in _REFUSED:
        return UserError(f"{text}. Grant the right to this user, or check kafka.sasl_username")
    if error.code() == KafkaError.SECURITY_DISABLED:
        return UserError(f"{text}. This Kafka knows no rights: set kafka.public_port, or give your own an authorizer")
    if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT):
        return UpstreamError(f"{text}. Is Kafka up (`splanc status`, kafka.bootstrap_servers), and does kafka.security_protocol match its listener?")
    return UpstreamError(text)


def asking(doing: str, question: Callable[[float], _T], patience_seconds: float = ANSWER_SECONDS) -> _T:
    """Return the answer to a question, asked again while the cluster is not ready.

    Parameters
    ----------
    doing : what is asked, for the error.
    question : called with the seconds it may take.

    Raises
    ------
    UserError
        If the cluster refuses it to this user.
    UpstreamError
        If it fails otherwise, or still fails when patience ends.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return question(min(_REQUEST_SECONDS, patience_seconds))
        except KafkaException as error:
            reason = error.args[0]
            if not is_transient(reason) or time.monotonic() > deadline:
                raise in_words(reason, doing) from error
            time.sleep(_RETRY_SECONDS)


def is_pattern(topic: str) -> bool:
    """Return whether an input topic is a pattern that the names of topics match, rather than a name."""
    return topic.startswith("^")


def splanc_topics(kafka: KafkaSettings) -> dict[str, TopicSpec]:
    """Return the topics that splanc reads and writes, as it would create them; those that match a pattern are others' to create."""
    stream = TopicSpec(partitions=kafka.partitions, replication=kafka.replication, retention_hours=kafka.retention_hours)
    records = TopicSpec(replication=kafka.replication)
    return {
        **{topic: stream for topic in kafka.input_topics if not is_pattern(topic)},
        kafka.lite_topic: stream,
        kafka.deadletter_topic: TopicSpec(replication=kafka.replication, retention_hours=kafka.retention_hours, max_message_bytes=MAX_MESSAGE_BYTES),
        kafka.ledger_topic: records,
        kafka.nodes_topic: TopicSpec(replication=kafka.replication, compacted=True),
        kafka.notices_topic: TopicSpec(replication=kafka.replication, retention_hours=kafka.retention_hours),
        kafka.quotas_topic: TopicSpec(replication=kafka.replication, retention_hours=QUOTA_HOURS),
    }


def ensure_topics(kafka: KafkaSettings, topics: Mapping[str, TopicSpec]) -> None:
    """Create the topics that are missing; those that exist are taken as they are, whoever made them.

    Raises
    ------
    UserError
        If a topic is missing and may not be created by this user.
    UpstreamError
        If the cluster cannot be reached or cannot create a topic.
    """
    admin = AdminClient(client_config(kafka))
    doing = f"creating topics on {bootstrap_servers(kafka)}"
    asking(doing, lambda seconds: _create_missing(admin, topics, seconds))
    asking(doing, lambda seconds: _see(admin, topics, seconds))


def create_topics(kafka: KafkaSettings, topics: Mapping[str, TopicSpec]) -> dict[str, str]:
    """Create the topics that are missing; return those that cannot be, with the reason: they keep no other from being created.

    Raises
    ------
    UserError, UpstreamError
        If the cluster cannot be asked at all.
    """
    admin = AdminClient(client_config(kafka))
    refused = asking("creating topics", lambda seconds: _create_each(admin, topics, seconds))
    asking("creating topics", lambda seconds: _see(admin, topics.keys() - refused.keys(), seconds))
    return refused


def _create_each(admin: AdminClient, topics: Mapping[str, TopicSpec], seconds: float) -> dict[str, str]:
    """Return why topics cannot be created; raise passing errors."""
    refused = {}
    for name, error in _create(admin, topics, seconds):
        if is_transient(error):
            raise KafkaException(error)
        refused[name] = f"it cannot be created: {error.str()}"
    return refused


def _create_missing(admin: AdminClient, topics: Mapping[str, TopicSpec], seconds: float) -> None:
    for name, error in _create(admin, topics, seconds):
        if error.code() in _REFUSED or error.code() == KafkaError.POLICY_VIOLATION:
            raise UserError(f"topic {name} does not exist, and this user may not create it: create it ({topics[name]}), or grant the right")
        raise KafkaException(error)


def _create(admin: AdminClient, topics: Mapping[str, TopicSpec], seconds: float) -> list[tuple[str, KafkaError]]:
    """Create those topics that are missing, in one request; return which could not be."""
    existing = admin.list_topics(timeout=seconds).topics
    missing = [
        NewTopic(name, num_partitions=spec.partitions, replication_factor=spec.replication, config=spec.config())
        for name, spec in topics.items()
        if name not in existing
    ]
    # An empty request would be refused by the client.
    created = admin.create_topics(missing, operation_timeout=seconds, request_timeout=seconds) if missing else {}
    failed = [(name, future.exception()) for name, future in created.items()]
    errors = [(name, error.args[0]) for name, error in failed if error is not None]
    return [(name, error) for name, error in errors if error.code() != KafkaError.TOPIC_ALREADY_EXISTS]  # another node was quicker


def _see(admin: AdminClient, topics: Iterable[str], seconds: float) -> None:
    """Raise a passing error while a topic, just created, is not known to all or has no leaders yet."""
    known = admin.list_topics(timeout=seconds).topics
    for name in topics:
        if name not in known or any(partition.leader < 0 for partition in known[name].partitions.values()):
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE, f"topic {name} has no leader yet"))


def end_offsets(kafka: KafkaSettings, topics: Collection[str], *, committed: bool = True) -> dict[Partition, int]:
    """Return the end of each partition; missing topics have none.

    Parameters
    ----------
    topics : names of topics, and patterns of names.
    committed : whether to stop before the first message of a transaction that is still open, as readers do.
    """
    admin = AdminClient(client_config(kafka))
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    return asking("reading end offsets", lambda seconds: _offsets(admin, topics, latest, level, seconds))


def oldest_offsets(kafka: KafkaSettings, topics: Collection[str]) -> dict[Partition, int]:
    """Return the oldest offset that each partition still keeps; missing topics have none."""
    admin = AdminClient(client_config(kafka))
    earliest: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
    return asking("reading oldest offsets", lambda seconds: _offsets(admin, topics, earliest, IsolationLevel.READ_COMMITTED, seconds))


def _offsets(admin: AdminClient, topics: Collection[str], spec: OffsetSpec, level: IsolationLevel, seconds: float) -> dict[Partition, int]:
    known = admin.list_topics(timeout=seconds).topics
    patterns = [re.compile(topic) for topic in topics if is_pattern(topic)]
    found = [topic for topic in known if topic in topics or any(pattern.search(topic) for pattern in patterns)]
    asked = {TopicPartition(topic, number): spec for topic in found for number in known[topic].partitions}
    if not asked:
        return {}
    futures = admin.list_offsets(asked, isolation_level=level, request_timeout=seconds)
    return {Partition(place.topic, place.partition): future.result().offset for place, future in futures.items()}


def committed_offsets(kafka: KafkaSettings, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return a group's published marks: for each of the partitions that it committed, the offset to go on from.

    A consumer that never joins asks, since the administration client of librdkafka dies when a coordinator is not ready
    (confluentinc/librdkafka#5040).
    """
    asked = [TopicPartition(*partition) for partition in partitions]
    consumer = Consumer({**client_config(kafka), "group.id": group, "enable.auto.commit": False, "isolation.level": "read_uncommitted"})

    def question(seconds: float) -> dict[Partition, int]:
        places = consumer.committed(asked, timeout=seconds)
        return {Partition(place.topic, place.partition): place.offset for place in places if place.error is None and place.offset >= 0}

    try:
        return asking(f"reading the offsets of group {group}", question)
    finally:
        consumer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """One node as the consumer group sees it."""

    node: str
    host: str
    partitions: tuple[Partition, ...]


def group_members(kafka: KafkaSettings, group: str) -> list[GroupMember]:
    """Return the members of a group with what is assigned to them, by node; a group that never was has none."""
    admin = AdminClient(client_config(kafka))

    def question(seconds: float) -> list[GroupMember]:
        try:
            described = admin.describe_consumer_groups([group], request_timeout=seconds)[group].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            raise
        return sorted((_member(member) for member in described.members), key=lambda member: member.node)

    return asking(f"reading the members of group {group}", question)


def _member(member: Any) -> GroupMember:
    places: Sequence[TopicPartition] = member.assignment.topic_partitions if member.assignment else []
    partitions = sorted(Partition(place.topic, place.partition) for place in places)
    return GroupMember(node=member.group_instance_id or member.member_id, host=member.host, partitions=tuple(partitions))
