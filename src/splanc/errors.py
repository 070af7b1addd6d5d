"""The errors of splanc.

SplancError
├── PacketError      bad input: counted, dead-lettered with its place in the stream; the pipeline goes on
├── UserError        the user's fault: a message that says what to do; commands exit 2
│   └── FilterError  a filter's text says what a filter cannot say: the place in it, what is allowed, the nearest name
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


class FilterError(UserError):
    """The filter's text cannot be understood.

    Parameters
    ----------
    why : what is wrong, in one sentence.
    code : a word from a bounded set, for programs ("column", "function", "type", "comment", …).
    hint : what is allowed instead, or the nearest name; may be empty.
    part : which text it is in: "selected", "tables", "conditions" or "statement".
    text : that text.
    place : the first character that is wrong, and the one after the last.
    """

    def __init__(self, why: str, *, code: str, hint: str = "", part: str = "", text: str = "", place: tuple[int, int] = (0, 0)) -> None:
        super().__init__(why)
        self.why = why
        self.code = code
        self.hint = hint
        self.part = part
        self.text = text
        self.place = place

    @property
    def line(self) -> int:
        """The line of the place, from 1."""
        return self.text.count("\n", 0, self.place[0]) + 1

    @property
    def column(self) -> int:
        """The column of the place, from 1."""
        return self.place[0] - (self.text.rfind("\n", 0, self.place[0]) + 1) + 1

    @override
    def __str__(self) -> str:
        if not self.part:
            return " ".join(filter(None, (self.why, self.hint)))
        lines = [f"{self.part}, line {self.line}, column {self.column}: {self.why}", *self._shown()]
        return "\n".join([*lines, self.hint] if self.hint else lines)

    def _shown(self) -> tuple[str, str]:
        """Return what to show of the line, with carets below the place."""
        line = self.text.split("\n")[self.line - 1].expandtabs(1)
        start = max(0, self.column - 1 - _SHOWN_BEFORE)
        shown = line[start : start + _SHOWN]
        before = self.column - 1 - start
        carets = max(1, min(self.place[1] - self.place[0], len(shown) - before))
        printable = "".join(character if character.isprintable() else "?" for character in shown)
        return f"  {printable}", f"  {' ' * before}{'^' * carets}"


_SHOWN, _SHOWN_BEFORE = 100, 60
"""How much of a line a `FilterError` shows, and how much of that before the place, characters."""


class UpstreamError(SplancError):
    """A service that splanc relies on failed."""


class Superseded(UpstreamError):
    """Another node has taken over this work."""


def first_line(error: Exception) -> str:
    r"""Return what an error of a library says first, to say it in one of ours; the rest is for those who write the library.

    >>> first_line(ValueError("no such place\nbacktrace: …"))
    'no such place'
    """
    return str(error).partition("\n")[0]
