from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lasair  # type: ignore[import-untyped]
import pytest
import structlog
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from typer.testing import CliRunner

from splanc.archive import FilterStore, migrate
from splanc.cli import _access, app
from splanc.config import KafkaSettings, Settings
from splanc.errors import UserError
from splanc.filters.definition import Definition
from splanc.kafka import (
    Access,
    AccessChanges,
    EmbeddedBroker,
    Outbox,
    TopicReaders,
    TopicSpec,
    _users,
    client_config,
    ensure_topics,
    read_topic,
    with_credentials,
)
from splanc.kafka._rights import exactly, groups_of_anonymous
from tests.integration.kafka.nodes import joined, numbers, produce, publish, settings_for, values_of
from tests.support.kafka import broker_settings, own_kafka, with_users

PATIENCE_SECONDS = 20.0
PASSWORD = "a password of the tests"
INFO = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
CERTIFICATE = Path(__file__).resolve().parents[2] / "support" / "localhost.pem"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Yield the settings of a broker that has users, and lets those without a name in."""
    settings = with_users(broker_settings(tmp_path_factory.mktemp("site")), public_anonymous=True)
    broker = EmbeddedBroker(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_users, "_REAUTHENTICATION_MS", 2000)
        broker.start()
    try:
        access = Access(settings.kafka, "lasair_")
        for name in ("alice", "bob"):
            access.add_user(name, PASSWORD)
        yield settings
    finally:
        broker.stop()


@pytest.fixture
def users(site: Settings) -> KafkaSettings:
    """Return how splanc's own clients reach it."""
    return site.kafka


@dataclass(frozen=True)
class Night:
    """Topics of one test, each with three records, and who may read them."""

    access: Access
    own: str
    shared: str
    kafka: KafkaSettings

    def readers(self, *, public: bool = True) -> list[TopicReaders]:
        return [TopicReaders(topic=self.own, owner="alice"), TopicReaders(topic=self.shared, owner="bob", public=public)]


@pytest.fixture
def night(users: KafkaSettings) -> Night:
    """Return topics of this test alone: a private one of alice's and a public one of bob's."""
    prefix = f"lasair_{uuid.uuid4().hex[:8]}_"
    made = Night(access=Access(users, prefix), own=f"{prefix}own", shared=f"{prefix}shared", kafka=users)
    fill(users, made.own, made.shared)
    made.access.reconcile(made.readers())
    return made


def fill(kafka: KafkaSettings, *topics: str) -> None:
    ensure_topics(kafka, {topic: TopicSpec() for topic in topics})
    producer = Producer(client_config(kafka))
    for topic in topics:
        for value in numbers(3):
            producer.produce(topic, value)
    assert producer.flush(PATIENCE_SECONDS) == 0


def client_of(kafka: KafkaSettings, user: str | None, password: str = PASSWORD) -> dict[str, Any]:
    """The configuration of a user's client, or of one without a name."""
    assert kafka.public_port is not None
    if user is None:
        return {"bootstrap.servers": f"127.0.0.1:{kafka.public_port + 1}"}
    return {
        "bootstrap.servers": f"127.0.0.1:{kafka.public_port}",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
    }


def group_of(user: str | None) -> str:
    return f"{user}:{uuid.uuid4().hex}" if user else uuid.uuid4().hex


def read(config: dict[str, Any], topic: str, group: str, count: int = 3) -> list[bytes | None] | str:
    """Return the values of so many records, or the name of the error that came instead."""
    errors: list[str] = []
    consumer = Consumer({**config, "group.id": group, "auto.offset.reset": "earliest", "error_cb": lambda error: errors.append(error.name())})
    values: list[bytes | None] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        consumer.subscribe([topic])
        while len(values) < count:
            assert time.monotonic() < deadline, f"neither records nor an error: {values}, {errors}"
            message = consumer.poll(0.1)
            error = message.error() if message is not None else None
            if error is not None:
                return error.name()
            if message is not None:
                values.append(message.value())
            if "_ALL_BROKERS_DOWN" in errors:
                return next((error for error in ("_AUTHENTICATION", "_SSL") if error in errors), errors[-1])
    except KafkaException as error:
        return str(error.args[0].name())
    finally:
        consumer.close()
    return values


def write(config: dict[str, Any], topic: str) -> str:
    """Return what came of producing a record."""
    outcome: list[str] = []
    producer = Producer({**config, "message.timeout.ms": round(PATIENCE_SECONDS * 1000)})
    producer.produce(topic, b"forged", on_delivery=lambda error, _message: outcome.append(error.name() if error else "taken"))
    producer.flush(PATIENCE_SECONDS)
    return outcome[0]


def test_users_read_their_own_topics_and_public_ones(night: Night) -> None:
    assert read(client_of(night.kafka, "alice"), night.own, group_of("alice")) == numbers(3)
    assert read(client_of(night.kafka, "alice"), night.shared, group_of("alice")) == numbers(3)
    assert read(client_of(night.kafka, "bob"), night.shared, group_of("bob")) == numbers(3)
    seen = AdminClient(client_of(night.kafka, "bob")).list_topics(timeout=PATIENCE_SECONDS).topics
    assert night.shared in seen
    assert night.own not in seen


REFUSED: dict[str, tuple[Callable[[Night], object], str]] = {
    "a private topic of another": (lambda n: read(client_of(n.kafka, "bob"), n.own, group_of("bob")), "TOPIC_AUTHORIZATION_FAILED"),
    "a group of another": (lambda n: read(client_of(n.kafka, "alice"), n.own, "bob:1"), "GROUP_AUTHORIZATION_FAILED"),
    "a group of splanc's": (lambda n: read(client_of(n.kafka, "alice"), n.own, n.kafka.group), "GROUP_AUTHORIZATION_FAILED"),
    "splanc's own topics": (lambda n: read(client_of(n.kafka, "alice"), n.kafka.ledger_topic, "alice:1"), "TOPIC_AUTHORIZATION_FAILED"),
    "producing": (lambda n: write(client_of(n.kafka, "alice"), n.own), "TOPIC_AUTHORIZATION_FAILED"),
    "a wrong password": (lambda n: read(client_of(n.kafka, "alice", "another password"), n.own, "alice:1"), "_AUTHENTICATION"),
    "an unknown user": (lambda n: read(client_of(n.kafka, "mallory"), n.shared, "mallory:1"), "_AUTHENTICATION"),
    "splanc's own name": (lambda n: read(client_of(n.kafka, "splanc"), n.shared, "splanc:1"), "_AUTHENTICATION"),
    "no name on the users' port": (
        lambda n: read({"bootstrap.servers": f"127.0.0.1:{n.kafka.public_port}"}, n.shared, "any"),
        "_ALL_BROKERS_DOWN",
    ),
    "no name on splanc's own port": (lambda n: read({"bootstrap.servers": f"127.0.0.1:{n.kafka.port}"}, n.shared, "any"), "_ALL_BROKERS_DOWN"),
    "no name, a private topic": (lambda n: read(client_of(n.kafka, None), n.own, "any"), "TOPIC_AUTHORIZATION_FAILED"),
    "no name, a group of splanc's": (lambda n: read(client_of(n.kafka, None), n.shared, f"{n.kafka.group}-replay"), "GROUP_AUTHORIZATION_FAILED"),
    "no name, a user's group": (lambda n: read(client_of(n.kafka, None), n.shared, "alice:1"), "GROUP_AUTHORIZATION_FAILED"),
    "no name, producing": (lambda n: write(client_of(n.kafka, None), n.shared), "TOPIC_AUTHORIZATION_FAILED"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_everything_else_is_refused(night: Night, what: str) -> None:
    attempt, error = REFUSED[what]
    assert attempt(night) == error


def test_users_change_nothing(night: Night) -> None:
    for user in ("alice", None):
        admin = AdminClient(client_of(night.kafka, user))
        entry = AclBinding(
            ResourceType.TOPIC, night.own, ResourcePatternType.LITERAL, f"User:{user or 'ANONYMOUS'}", "*", AclOperation.READ, AclPermissionType.ALLOW
        )
        for futures in (admin.create_acls([entry]), admin.delete_topics([night.shared])):
            with pytest.raises(KafkaException, match=r"AUTHORIZATION_FAILED"):
                next(iter(futures.values())).result()


def test_lasair_clients_read_public_topics_without_a_name(night: Night) -> None:
    consumer = lasair.lasair_consumer(client_of(night.kafka, None)["bootstrap.servers"], group_of(None), night.shared)
    values = [consumer.poll(timeout=PATIENCE_SECONDS).value() for _ in range(3)]
    consumer.close()
    assert values == numbers(3)


def test_without_a_name_nothing_is_read_where_that_is_not_configured(night: Night) -> None:
    Access(night.kafka.model_copy(update={"public_anonymous": False}), night.own.removesuffix("own")).reconcile(night.readers())
    assert read(client_of(night.kafka, "alice"), night.shared, group_of("alice")) == numbers(3)
    # Even in a group that it may use:
    admin = AdminClient(client_config(night.kafka))
    for future in admin.create_acls(groups_of_anonymous(night.kafka.group)).values():
        future.result()
    assert read(client_of(night.kafka, None), night.shared, "any") == "TOPIC_AUTHORIZATION_FAILED"


@pytest.mark.parametrize("way", ["the right is revoked", "it is private again", "the user is removed"])
def test_who_is_reading_is_stopped_within_seconds(night: Night, way: str) -> None:
    name = f"carol-{uuid.uuid4().hex[:8]}"
    night.access.add_user(name, PASSWORD)
    if way != "it is private again":
        night.access.grant(night.own, name)
    topic = night.shared if way == "it is private again" else night.own
    consumer = Consumer({**client_of(night.kafka, name), "group.id": f"{name}:1", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    for _ in range(3):
        message = consumer.poll(PATIENCE_SECONDS)
        assert message is not None
        assert message.error() is None

    match way:
        case "the right is revoked":
            night.access.revoke(topic, name)
        case "the user is removed":
            assert night.access.remove_user(name)
        case _:
            assert night.access.reconcile(night.readers(public=False)) == AccessChanges(made=0, removed=1)
    began = time.monotonic()
    fill(night.kafka, topic)
    # A request that was waiting for records at that moment is still answered.
    while (message := consumer.poll(PATIENCE_SECONDS)) is not None and message.error() is None:
        pass
    assert message is not None
    assert (error := message.error()) is not None
    assert error.name() == "TOPIC_AUTHORIZATION_FAILED"
    assert time.monotonic() - began < 5
    fill(night.kafka, topic)
    rest = [message for message in consumer.consume(10, timeout=1.0) if message.error() is None]
    consumer.close()
    assert rest == []
    expected = "_AUTHENTICATION" if way == "the user is removed" else "TOPIC_AUTHORIZATION_FAILED"
    assert read(client_of(night.kafka, name), topic, f"{name}:2") == expected
    night.access.remove_user(name)


def test_a_removed_user_who_reads_a_public_topic_is_shut_out_when_it_must_prove_itself_again(night: Night) -> None:
    night.access.add_user("dora", PASSWORD)
    errors: list[str] = []
    consumer = Consumer(
        {**client_of(night.kafka, "dora"), "group.id": "dora:1", "enable.auto.commit": False, "error_cb": lambda error: errors.append(error.name())}
    )
    consumer.assign([TopicPartition(night.shared, 0, 0)])
    assert consumer.poll(PATIENCE_SECONDS) is not None
    night.access.remove_user("dora")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "_AUTHENTICATION" not in errors:
        assert time.monotonic() < deadline
        consumer.poll(0.1)
    consumer.close()


def test_rights_become_exactly_those_of_the_filters(night: Night) -> None:
    other = AclBinding(ResourceType.TOPIC, night.own, ResourcePatternType.PREFIXED, "User:mirror", "*", AclOperation.READ, AclPermissionType.ALLOW)
    stray = AclBinding(ResourceType.TOPIC, night.own, ResourcePatternType.LITERAL, "User:bob", "*", AclOperation.ALL, AclPermissionType.ALLOW)
    admin = AdminClient(client_config(night.kafka))
    for future in admin.create_acls([other, stray]).values():
        future.result()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (
        stray
        not in admin.describe_acls(
            AclBindingFilter(ResourceType.TOPIC, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
        ).result()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.1)  # Kafka lists a right a moment after it has taken it
    assert night.access.reconcile(night.readers()) == AccessChanges(made=0, removed=1)
    assert night.access.reconcile(night.readers()) == AccessChanges(made=0, removed=0)
    readable = night.access.readable()
    assert readable["*"] == [night.shared]
    assert (readable["alice"], readable["bob"]) == ([night.own], [night.shared])

    later = f"{night.own}_later"
    moved = [TopicReaders(topic=night.own, owner="bob"), TopicReaders(topic=later, owner="alice", public=True)]
    assert night.access.reconcile(moved) == AccessChanges(made=3, removed=3)
    readable = night.access.readable()
    assert (readable["*"], readable["alice"], readable["bob"]) == ([later], [later], [night.own])
    assert night.access.reconcile([]) == AccessChanges(made=0, removed=3)
    assert set(night.access.readable()) >= {"alice", "bob"}, "users stay"
    (kept,) = admin.delete_acls([exactly(other)]).values()
    assert kept.result() == [other], "rights by pattern are others'"


def test_no_owner_can_become_everybody(night: Night) -> None:
    names = ["*", "ANONYMOUS", "splanc", "", "a:b"]
    assert night.access.reconcile([TopicReaders(topic=f"{night.own}{number}", owner=name) for number, name in enumerate(names)]).made == 0
    for name in names:
        with pytest.raises(UserError, match="no user may be named"):
            night.access.add_user(name)
        with pytest.raises(UserError, match="no user may be named"):
            night.access.grant(night.own, name)


def test_users_are_added_once_and_removed_once(night: Night) -> None:
    made = night.access.add_user("erin")
    assert len(made) >= 32
    with pytest.raises(UserError, match="there is a user erin already"):
        night.access.add_user("erin")
    night.access.grant(night.own, "erin")
    assert read(client_of(night.kafka, "erin", made), night.own, group_of("erin")) == numbers(3)
    assert night.access.add_user("erin", PASSWORD, replace=True) == PASSWORD
    assert read(client_of(night.kafka, "erin", made), night.own, group_of("erin")) == "_AUTHENTICATION"
    assert read(client_of(night.kafka, "erin"), night.own, group_of("erin")) == numbers(3)
    with pytest.raises(UserError, match="too short"):
        night.access.add_user("frank", "short")
    assert night.access.remove_user("erin")
    assert not night.access.remove_user("erin")
    assert "erin" not in night.access.readable()


def test_another_kafka_needs_two_rights_of_splanc(night: Night) -> None:
    password = night.access.add_user("operator")
    served = client_of(night.kafka, "operator")["bootstrap.servers"]
    given = {"security_protocol": "sasl_plaintext", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "operator", "sasl_password": password}
    kafka, prefix = KafkaSettings.model_validate({"bootstrap_servers": served, **given}), night.own.removesuffix("own")
    with pytest.raises(UserError, match="user operator may not do this: grant it ALTER and DESCRIBE on the cluster"):
        Access(kafka, prefix)

    admin = AdminClient(client_config(night.kafka))
    cluster = (ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL)
    rights = [AclBinding(*cluster, "User:operator", "*", operation, AclPermissionType.ALLOW) for operation in (AclOperation.ALTER, AclOperation.DESCRIBE)]
    own = AclBinding(ResourceType.TOPIC, night.own, ResourcePatternType.LITERAL, "User:operator", "*", AclOperation.WRITE, AclPermissionType.ALLOW)
    for future in admin.create_acls([*rights, own]).values():
        future.result()
    access = Access(kafka, prefix)
    assert access.reconcile(night.readers()).made == 1, "public topics are forbidden to who has no name"
    access.add_user("jane", PASSWORD)
    access.grant(night.own, "jane")
    assert read(client_of(night.kafka, "jane"), night.own, group_of("jane")) == numbers(3)
    assert access.remove_user("jane")
    assert write(client_of(night.kafka, "operator", password), night.own) == "taken", "rights of splanc's own name stay"
    for future in admin.alter_user_scram_credentials([UserScramCredentialUpsertion("kate", INFO, PASSWORD.encode())]).values():
        future.result()
    with pytest.raises(UserError, match="user kate was not added by splanc"):
        access.remove_user("kate")
    with pytest.raises(UserError, match="no user may be named 'operator'"):
        access.remove_user("operator")
    night.access.remove_user("operator")


def test_who_owns_filters_before_being_a_user_reads_them_afterwards(night: Night) -> None:
    night.access.reconcile([TopicReaders(topic=night.own, owner="gwen")])
    night.access.add_user("gwen", PASSWORD)
    assert read(client_of(night.kafka, "gwen"), night.own, group_of("gwen")) == numbers(3)
    night.access.remove_user("gwen")


def test_nodes_go_on_as_without_users(night: Night) -> None:
    kafka = own_kafka(night.kafka, partitions=2)
    ensure_topics(kafka, {kafka.input_topics[0]: TopicSpec(partitions=2), kafka.lite_topic: TopicSpec()})
    with joined(kafka, "one") as node:
        produce(kafka, numbers(50))
        batches = node.drain(50)
        outbox = Outbox(settings_for(kafka), "one")
        values = values_of(batches)
        publish(outbox, kafka.lite_topic, values, {}, node.consumer.group_metadata())
        outbox.close()
    assert sorted(values) == sorted(numbers(50))
    assert [record.value for record in read_topic(kafka, kafka.lite_topic)] == values


@pytest.fixture
def no_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep loggers from the standard error of a command that runs in here, which is closed when it ends."""
    monkeypatch.setattr(_access, "configure_logs", lambda quiet: None)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


@pytest.mark.usefixtures("no_logs")
def test_the_commands(site: Settings, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(postgres_dsn)
    kafka = own_kafka(site.kafka)
    monkeypatch.setenv("SPLANC_ARCHIVE__DSN", postgres_dsn)
    monkeypatch.setenv("SPLANC_KAFKA__PUBLIC_ANONYMOUS", "true")
    for name in ("port", "public_port", "group", "lite_topic", "deadletter_topic", "ledger_topic", "nodes_topic"):
        monkeypatch.setenv(f"SPLANC_KAFKA__{name.upper()}", str(getattr(kafka, name)))

    def said(*words: str, stdin: str | None = None) -> str:
        outcome = CliRunner().invoke(app, ["access", *words, "--data-dir", str(site.data_dir)], input=stdin)
        assert outcome.exit_code == 0, outcome.output
        return outcome.stdout

    password = said("add-user", "henry").strip()
    assert said("add-user", "ida", "--password-stdin", stdin=f"{PASSWORD}\n") == ""
    said("sync")  # takes away what other tests gave
    store = FilterStore(postgres_dsn)
    private, public = (store.create(Definition(name="fast", owner=owner, selected="objects.diaObjectId", public=owner == "ida")) for owner in ("henry", "ida"))
    assert said("sync") == "3 rights given, 0 taken away\n"
    assert said("sync") == "0 rights given, 0 taken away\n"
    listed = {one["user"]: one["topics"] for one in map(json.loads, said("list", "--json").splitlines())}
    assert (listed["henry"], listed["ida"], listed["*"]) == ([private.topic], [public.topic], [public.topic])
    fill(site.kafka, private.topic)
    assert read(client_of(site.kafka, "henry", password), private.topic, group_of("henry")) == numbers(3)
    assert read(client_of(site.kafka, "ida"), private.topic, group_of("ida")) == "TOPIC_AUTHORIZATION_FAILED"

    store.delete(public.id)
    assert said("sync") == "0 rights given, 2 taken away\n"
    assert said("remove-user", "henry") == "henry is removed\n"
    assert said("remove-user", "henry") == "there was no user henry\n"
    assert "henry" not in said("list")
    assert "ida" in said("list")


def test_users_may_be_switched_on_where_there_is_data(tmp_path: Path) -> None:
    before = broker_settings(tmp_path)
    EmbeddedBroker(before).start()
    try:
        fill(before.kafka, "lasair_old")
        after = with_users(before, public_keystore=CERTIFICATE)
        assert after.kafka == with_credentials(after).kafka, "the password is kept"
        with pytest.raises(UserError, match=r"runs with other kafka\.public_… settings: run `splanc down` first"):
            EmbeddedBroker(after).start()
        EmbeddedBroker(before).stop()
        assert EmbeddedBroker(after).start()
        assert not EmbeddedBroker(after).start()
        assert (tmp_path / "kafka" / "server.properties").stat().st_mode & 0o077 == 0
        assert (tmp_path / "kafka" / "secret").stat().st_mode & 0o077 == 0

        access = Access(after.kafka, "lasair_")
        access.add_user("alice", PASSWORD)
        access.reconcile([TopicReaders(topic="lasair_old", owner="alice")])
        by_tls = {**client_of(after.kafka, "alice"), "security.protocol": "SASL_SSL"}
        assert read({**by_tls, "ssl.ca.location": str(CERTIFICATE)}, "lasair_old", "alice:1") == numbers(3)
        assert read(by_tls, "lasair_old", "alice:1") == "_SSL"
    finally:
        EmbeddedBroker(before).stop()
