"""Who may read which topic: users with passwords (SCRAM), and their rights (ACLs), on the embedded broker or any other Kafka.

A user may read the topics of its own filters and all public ones, in groups whose names begin with `<user>:`. Everything else is
refused: other topics, others' groups, writing. Who has no name may read public topics if that is configured, in any group that is
neither splanc's nor a user's.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from ..config import KafkaSettings
from ..errors import UserError
from ._rights import (
    EVERYONE,
    GROUP_SEPARATOR,
    allows,
    chunks,
    exactly,
    groups_of,
    groups_of_anonymous,
    is_name,
    matching,
    may_read,
    name_of,
    principal_of,
    public,
    user_of_group,
)
from .client import asking, client_config

_PASSWORD_BYTES = 24
"""Random bytes in a password that is made."""

_PASSWORD_CHARACTERS = 12
"""Fewest characters of a password that is given: who reaches the port may try as many as he likes."""

_ITERATIONS = 8192
"""Rounds of hashing in a SCRAM proof; Kafka takes 4,096 to 16,384. A client spends some milliseconds on them at each connection."""

_ENTRIES = 1000
"""Entries that one request makes or removes; the controller takes at most 10,000."""

_NEEDED = frozenset({AclOperation.ALTER, AclOperation.DESCRIBE})
"""What splanc's own clients must be allowed on the cluster."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReaders:
    """Who is to be able to read a topic.

    Parameters
    ----------
    owner : name of a user, who may read it in any case.
    public : whether everybody may.
    """

    topic: str
    owner: str
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChanges:
    """How many entries were made and removed."""

    made: int
    removed: int


class Access:
    """The users of a Kafka, and who may read topics. Each change may be made again without harm.

    Parameters
    ----------
    kafka : splanc's own clients must have a name there, and the right to alter the cluster.
    prefix : what the names of topics begin with whose readers are splanc's to choose: their entries, except those about splanc's own
        name and those by pattern, are made and removed here.

    Raises
    ------
    UserError
        If the embedded broker has no users, or splanc's own clients have no name or not the right.
    UpstreamError
        If Kafka does not answer.
    """

    def __init__(self, kafka: KafkaSettings, prefix: str) -> None:
        if kafka.bootstrap_servers is None and kafka.public_port is None:
            raise UserError("the embedded Kafka has no users: set kafka.public_port, then run `splanc down` and `splanc up`")
        if not _has_name(kafka):
            raise UserError("splanc itself has no name on this Kafka, so nobody can be told from it: set kafka.sasl_username, or a certificate")
        self._kafka = kafka
        self._prefix = prefix
        self._admin = AdminClient(client_config(kafka))
        self._check_rights()

    def add_user(self, name: str, password: str | None = None, *, replace: bool = False) -> str:
        """Let a user in, and return the password, which Kafka does not keep in the clear.

        Parameters
        ----------
        password : one is made when none is given.
        replace : whether a user that is there already gets a new password.

        Raises
        ------
        UserError
            If nobody may have the name, it is taken, or the password is short.
        """
        self._check_name(name)
        if password is not None and len(password) < _PASSWORD_CHARACTERS:
            raise UserError(f"the password is too short: take {_PASSWORD_CHARACTERS} characters or more, or let one be made")
        if not replace and name in self._mechanisms():
            raise UserError(f"there is a user {name} already: take another name, or give it a new password with --replace")
        password = password or secrets.token_urlsafe(_PASSWORD_BYTES)
        # Its groups first: killed in between, a name without a password is left, which may be added again.
        self._make(groups_of(name, anonymous=self._kafka.public_anonymous))
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        self._alter(f"adding user {name}", UserScramCredentialUpsertion(name, info, password.encode()))
        _log.info("user added", user=name)
        return password

    def remove_user(self, name: str) -> bool:
        """Take away a user's passwords and rights; return False if there were none.

        What it reads of its own topics ends at once; its connections end when they have to prove themselves again.

        Raises
        ------
        UserError
            If the user was not added by splanc.
        """
        self._check_name(name)
        entries = [entry for entry in self._ours() if name_of(entry) == name or user_of_group(entry) == name]
        mechanisms = self._mechanisms().get(name, [])
        if mechanisms and not entries:
            raise UserError(f"user {name} was not added by splanc: remove it as it was added")
        for mechanism in mechanisms:
            self._alter(f"removing user {name}", UserScramCredentialDeletion(name, mechanism))
        self._remove(entries)
        _log.info("user removed", user=name)
        return bool(entries)

    def readable(self) -> dict[str, list[str]]:
        """Return the topics of splanc's that each of its users may read, by name; what everybody may read stands under `*` only."""
        entries = [entry for entry in self._ours() if allows(entry)]
        users = {name_of(entry) for entry in entries if entry.restype == ResourceType.GROUP} & set(self._mechanisms())
        topics = {name: [entry.name for entry in entries if entry.restype == ResourceType.TOPIC and name_of(entry) == name] for name in (EVERYONE, *users)}
        return {name: sorted(topics[name]) for name in sorted(topics)}

    def grant(self, topic: str, user: str) -> None:
        """Let a user read a topic, until a `reconcile` that does not know of it."""
        self._check_name(user)
        self._make([may_read(topic, user)])

    def publish(self, topic: str) -> None:
        """Let everybody read a topic, until a `reconcile` that does not know of it."""
        self._make(public(topic, anonymous=self._kafka.public_anonymous))

    def revoke(self, topic: str, user: str | None = None) -> None:
        """Take the right to read a topic from a user, or from all; who is reading is stopped at once."""
        self._remove([entry for entry in self._on_topics() if entry.name == topic and (user is None or name_of(entry) == user)])

    def reconcile(self, topics: Iterable[TopicReaders]) -> AccessChanges:
        """Make the rights on splanc's topics, and on groups, exactly these; what should not be there is removed first.

        An owner whose name no user may have cannot read its own topics, unless they are public; that is logged.
        """
        listed = list(topics)
        present = set(self._ours({one.topic for one in listed}))
        known = {name for entry in present if (name := user_of_group(entry))} | {one.owner for one in listed}
        users = {name for name in known & set(self._mechanisms()) if self._may_be_user(name)}
        wanted = {*self._entries_of_topics(listed), *self._entries_of_groups(users)}
        self._remove(present - wanted)
        self._make(wanted - present)
        changes = AccessChanges(made=len(wanted - present), removed=len(present - wanted))
        if present != wanted:
            _log.info("access changed", made=changes.made, removed=changes.removed)
        return changes

    def _check_rights(self) -> None:
        """Ask first: where librdkafka 2.16 is refused a list of rights it returns an empty one, and of users, it breaks its memory."""

        def question(seconds: float) -> set[AclOperation]:
            cluster = self._admin.describe_cluster(include_authorized_operations=True, request_timeout=seconds).result()
            return set(cluster.authorized_operations or ())

        missing = _NEEDED - asking("reading the rights of splanc itself", question)
        if missing:
            names = " and ".join(sorted(operation.name for operation in missing))
            raise UserError(f"user {self._kafka.sasl_username or 'of splanc'} may not do this: grant it {names} on the cluster")

    def _entries_of_topics(self, topics: Iterable[TopicReaders]) -> Iterator[AclBinding]:
        for one in topics:
            if self._may_be_user(one.owner):
                yield may_read(one.topic, one.owner)
            else:
                _log.warning("owner cannot be a user of kafka", owner=one.owner, topic=one.topic)
            if one.public:
                yield from public(one.topic, anonymous=self._kafka.public_anonymous)

    def _entries_of_groups(self, users: Iterable[str]) -> Iterator[AclBinding]:
        for user in users:
            yield from groups_of(user, anonymous=self._kafka.public_anonymous)
        if self._kafka.public_anonymous:
            yield from groups_of_anonymous(self._kafka.group)

    def _ours(self, topics: Collection[str] = ()) -> list[AclBinding]:
        """Return the entries that are splanc's to remove: on topics with its prefix or these names, on users' groups, for who has no name."""
        anonymous = set(groups_of_anonymous(self._kafka.group))
        groups = self._matching(ResourceType.GROUP, ResourcePatternType.ANY)
        return [*self._on_topics(topics), *(entry for entry in groups if entry in anonymous or user_of_group(entry))]

    def _on_topics(self, names: Collection[str] = ()) -> list[AclBinding]:
        """Return the entries on topics with the prefix or these names, except those about splanc's own name."""
        own = principal_of(self._kafka.sasl_username or "")
        found = self._matching(ResourceType.TOPIC, ResourcePatternType.LITERAL)
        return [entry for entry in found if entry.principal != own and (entry.name.startswith(self._prefix) or entry.name in names)]

    def _check_name(self, name: str) -> None:
        if not self._may_be_user(name):
            raise UserError(f"no user may be named {name!r}: take up to 64 letters, digits and _.@+-, and not the name of splanc itself")

    def _may_be_user(self, name: str) -> bool:
        """Say whether a user may have this name, which is neither splanc's own nor begins its group's."""
        return is_name(name) and name not in (self._kafka.sasl_username, self._kafka.group.partition(GROUP_SEPARATOR)[0])

    def _mechanisms(self) -> dict[str, list[ScramMechanism]]:
        """Return how each user may prove itself by password."""

        def question(seconds: float) -> dict[str, list[ScramMechanism]]:
            answer = self._admin.describe_user_scram_credentials(request_timeout=seconds)
            assert isinstance(answer, Future)  # of all users, since none were named
            return {name: [info.mechanism for info in user.scram_credential_infos] for name, user in answer.result().items()}

        return asking("reading users", question)

    def _alter(self, doing: str, change: UserScramCredentialDeletion | UserScramCredentialUpsertion) -> None:
        def question(seconds: float) -> None:
            try:
                self._admin.alter_user_scram_credentials([change], request_timeout=seconds)[change.user].result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.RESOURCE_NOT_FOUND:  # another was quicker to remove it
                    raise

        asking(doing, question)

    def _matching(self, kind: ResourceType, pattern: ResourcePatternType) -> list[AclBinding]:
        def question(seconds: float) -> list[AclBinding]:
            return list(self._admin.describe_acls(matching(kind, pattern), request_timeout=seconds).result())

        return asking("reading rights", question)

    def _make(self, entries: Collection[AclBinding]) -> None:
        for chunk in chunks(entries, _ENTRIES):
            asking("giving rights", partial(self._make_all, chunk))

    def _make_all(self, entries: list[AclBinding], seconds: float) -> None:
        for future in self._admin.create_acls(entries, request_timeout=seconds).values():
            future.result()

    def _remove(self, entries: Collection[AclBinding]) -> None:
        for chunk in chunks(entries, _ENTRIES):
            asking("taking rights away", partial(self._remove_all, chunk))

    def _remove_all(self, entries: list[AclBinding], seconds: float) -> None:
        for future in self._admin.delete_acls([exactly(entry) for entry in entries], request_timeout=seconds).values():
            future.result()


def _has_name(kafka: KafkaSettings) -> bool:
    """Say whether splanc's own clients prove who they are, by password or by certificate."""
    if kafka.security_protocol.startswith("sasl"):
        return kafka.sasl_username is not None
    return kafka.security_protocol == "ssl" and kafka.ssl_certificate_location is not None
