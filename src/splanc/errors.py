"""The errors of splanc.

SplancError
├── PacketError      bad input: counted, dead-lettered with its place in the stream; the pipeline goes on
├── UserError        the user's fault: a message that says what to do; commands exit 2
└── UpstreamError    Kafka, PostgreSQL, registry, blob store: retried with backoff, then the process exits non-zero
    └── Superseded   another node owns this work now: drop it, read the marks again
"""

from __future__ import annotations

from typing_extensions import override


class SplancError(Exception):
    """Something went wrong in splanc."""

    @override
    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "").strip()


class PacketError(SplancError):
    """A packet cannot be read.

    Parameters
    ----------
    why : what is wrong with it, for a person.
    kind : a word from a bounded set, for metrics and headers ("truncated", "schema", "oversized", …).
    topic, partition, offset : its place in the stream. Files give their name as topic, -1 as partition, and the record number as offset,
        or -1 for all of the file.
    """

    def __init__(self, why: str, *, kind: str, topic: str = "", partition: int = -1, offset: int = -1) -> None:
        super().__init__(why)
        self.why = why
        self.kind = kind
        self.topic = topic
        self.partition = partition
        self.offset = offset

    @override
    def __str__(self) -> str:
        if self.partition >= 0:
            return f"{self.topic}[{self.partition}] offset {self.offset}: {self.why}"
        record = f", record {self.offset}" if self.offset >= 0 else ""
        return f"{self.topic}{record}: {self.why}" if self.topic else self.why


class UserError(SplancError):
    """The request cannot be carried out as given."""


class UpstreamError(SplancError):
    """A service that splanc relies on failed."""


class Superseded(UpstreamError):
    """Another node has taken over this work."""
