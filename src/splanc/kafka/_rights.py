"""The entries of Kafka's access lists that splanc makes, and how they are told from others'.

The right to read implies that to see the topic or the group. A public topic is open to all by one entry, which would hold for who
has no name too: unless that is configured, a second one forbids it, and what forbids goes before what allows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from confluent_kafka.admin import AclBinding, AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

EVERYONE = "*"
"""Kafka's name for all users, those without a name too; and for all groups."""

ANONYMOUS = "ANONYMOUS"
"""Kafka's name for who has no name."""

GROUP_SEPARATOR = ":"
"""Between a user's name and the rest of a group's; no name holds it, or one user's groups could be another's."""

_NAME = re.compile(r"[A-Za-z0-9_.@+-]{1,64}")
"""Names that users may have: those of Django, in ASCII."""


def is_name(name: str) -> bool:
    """Say whether a user may have this name."""
    return name != ANONYMOUS and _NAME.fullmatch(name) is not None


def principal_of(name: str) -> str:
    """Return a user's name as entries spell it."""
    return f"User:{name}"


def name_of(entry: AclBinding) -> str:
    """Return the name of the user whom an entry is about."""
    return entry.principal.partition(":")[2]


def may_read(topic: str, name: str) -> AclBinding:
    """Return the entry that lets a user read a topic."""
    return _entry(ResourceType.TOPIC, topic, name, AclPermissionType.ALLOW)


def public(topic: str, *, anonymous: bool) -> list[AclBinding]:
    """Return the entries that let everybody read a topic, or everybody who has a name."""
    forbidden = [] if anonymous else [_entry(ResourceType.TOPIC, topic, ANONYMOUS, AclPermissionType.DENY)]
    return [may_read(topic, EVERYONE), *forbidden]


def groups_of(name: str, *, anonymous: bool) -> list[AclBinding]:
    """Return the entries that let a user, and nobody without a name if there may be such, read in the user's groups."""
    prefix = name + GROUP_SEPARATOR
    allowed = _entry(ResourceType.GROUP, prefix, name, AclPermissionType.ALLOW, ResourcePatternType.PREFIXED)
    forbidden = _entry(ResourceType.GROUP, prefix, ANONYMOUS, AclPermissionType.DENY, ResourcePatternType.PREFIXED)
    return [allowed, forbidden] if anonymous else [allowed]


def groups_of_anonymous(group: str) -> list[AclBinding]:
    """Return the entries that let who has no name read in any group but those that begin with the name of splanc's."""
    return [
        _entry(ResourceType.GROUP, EVERYONE, ANONYMOUS, AclPermissionType.ALLOW),
        _entry(ResourceType.GROUP, group, ANONYMOUS, AclPermissionType.DENY, ResourcePatternType.PREFIXED),
    ]


def user_of_group(entry: AclBinding) -> str | None:
    """Return the user whose groups an entry is about; None if it is none of splanc's entries on users' groups."""
    name = entry.name.removesuffix(GROUP_SEPARATOR)
    return name if entry in groups_of(name, anonymous=True) else None


def allows(entry: AclBinding) -> bool:
    """Say whether an entry allows something."""
    return entry.permission_type == AclPermissionType.ALLOW


def matching(kind: ResourceType, pattern: ResourcePatternType) -> AclBindingFilter:
    """Return the filter of all entries on a kind of thing."""
    anything: Any = None  # the types of the client know of text only
    return AclBindingFilter(kind, anything, pattern, anything, anything, AclOperation.ANY, AclPermissionType.ANY)


def exactly(entry: AclBinding) -> AclBindingFilter:
    """Return the filter of one entry."""
    return AclBindingFilter(entry.restype, entry.name, entry.resource_pattern_type, entry.principal, entry.host, entry.operation, entry.permission_type)


def chunks(entries: Collection[AclBinding], size: int) -> Iterator[list[AclBinding]]:
    """Yield entries by so many."""
    listed = list(entries)
    yield from (listed[start : start + size] for start in range(0, len(listed), size))


def _entry(kind: ResourceType, name: str, user: str, permission: AclPermissionType, pattern: ResourcePatternType = ResourcePatternType.LITERAL) -> AclBinding:
    operation = AclOperation.READ if permission == AclPermissionType.ALLOW else AclOperation.ALL
    return AclBinding(kind, name, pattern, principal_of(user), "*", operation, permission)
