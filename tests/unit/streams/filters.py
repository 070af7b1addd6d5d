"""Filters and their matches, made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from splanc.filters import MATCHES_TABLE
from splanc.filters.definition import Definition, Filter, Output
from splanc.packet import RECORDS, Batch

from .batches import batch_of

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def filter_of(number: int, *, output: Output = Output.stream, **special: Any) -> Filter:
    """Return a filter."""
    definition = Definition(name=f"name {number}", owner=f"owner{number}", selected="objects.diaObjectId", output=output)
    plain: dict[str, Any] = {"id": number, "version": 3, "definition": definition, "topic": f"topic_{number}", "created": LONG_AGO, "changed": LONG_AGO}
    return Filter(**(plain | special))


def by_id(*filters: Filter) -> dict[int, Filter]:
    return {one.id: one for one in filters}


def with_matches(batch: Batch, matches: Iterable[tuple[int, int, str]]) -> Batch:
    """Return a batch with matches: alert, filter, record."""
    ordered = sorted(matches, key=lambda match: (match[1], match[0]))
    columns = {
        "alert": pa.array([alert for alert, _, _ in ordered], pa.int32()),
        "filter": pa.array([number for _, number, _ in ordered], pa.int64()),
        "version": pa.array([3] * len(ordered), pa.int32()),
        "record": pa.array([record for _, _, record in ordered], pa.string()),
    }
    return replace(batch, tables={**batch.tables, MATCHES_TABLE: pa.table(columns)})


def batch_with(
    entries: Sequence[Mapping[str, Any] | None],
    *,
    sources: Sequence[Mapping[str, Any]] = (),
    forced: Sequence[Mapping[str, Any]] = (),
    objects: Sequence[Mapping[str, Any]] = (),
) -> Batch:
    """Return a batch with some rows of its tables; what a row does not say is NULL."""
    rows = {"diaSource": sources, "diaForcedSource": forced, "diaObject": objects}
    tables = {}
    for name, given in rows.items():
        extra = [("ebv", pa.float32())] if name == "diaObject" else []
        tables[name] = pa.Table.from_pylist(list(given), pa.schema([("alert", pa.int32()), *RECORDS[name], *extra]))
    return replace(batch_of(entries), tables=tables)


class SharedRecords:
    """A log that several nodes share, in memory."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def seen_by_a_node(self) -> NodesLog:
        """Return the log as one node reads it."""
        return NodesLog(self)


class NodesLog:
    """The log of one node; it can fail as Kafka does."""

    def __init__(self, shared: SharedRecords) -> None:
        self.shared = shared
        self.next = 0

    def append(self, value: bytes) -> int:
        self.shared.records.append(value)
        return len(self.shared.records) - 1

    def read_to(self, offset: int) -> Iterator[tuple[int, bytes]]:
        while self.next <= offset:
            self.next += 1
            yield self.next - 1, self.shared.records[self.next - 1]
