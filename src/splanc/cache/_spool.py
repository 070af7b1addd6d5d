"""The spool: batches waiting for the archive, oldest first, bounded by bytes."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Condition

from ..errors import UpstreamError, UserError
from ..locks import file_lock
from ..packet import Partition
from ._spill import Spill, SpoolDamaged, read_spill, write_spill
from ._waiting import Spans, Waiting

_IN_MEMORY = 2
"""Batches kept in memory, that is the one being archived and the next; those put behind more than these are spilled to disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolState:
    """What waits: batches, how many of them are on disk, their alerts, and their bytes with packs."""

    batches: int
    spilled: int
    alerts: int
    size_bytes: int


@dataclass(slots=True, kw_only=True, eq=False)
class _Entry:
    spans: Spans
    batch: Waiting | None
    spill: Spill | None
    alerts: int
    size_bytes: int
    pack: Path | None

    def delete_files(self) -> None:
        for path in (self.pack, self.spill.path if self.spill else None):
            if path is not None:
                path.unlink(missing_ok=True)


class Spool:
    """Batches waiting for the archive.

    One thread puts (and drops), one other takes: it peeks at the oldest batch, archives it, and only then says done.
    A batch is not safe here but in Kafka, until its marks have moved; so what an earlier life left is thrown away.

    Parameters
    ----------
    folder : of this node alone, made when it is not there.
    max_bytes : bound of all that waits, with packs. One batch is always taken, however large.

    Raises
    ------
    UserError
        If another process uses the folder.
    UpstreamError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.packs = folder / "packs"
        """Folder for the local packs of batches that are put here."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._entries: deque[_Entry] = deque()
        self._taken: _Entry | None = None
        self._size_bytes = 0
        self._counter = 0
        self._changed = Condition()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            self._delete_all()
        except OSError as error:
            raise UpstreamError(f"cannot use the folder {folder} for waiting batches: {error.strerror}; set another data_dir") from error

    def put(self, waiting: Waiting, timeout_seconds: float = 0.0) -> bool:
        """Take a batch as the newest, and return whether there was room for it; if not, pause and put it again.

        Raises
        ------
        UpstreamError
            If the batch had to be spilled and the disk does not take it; the batch is not in the spool then.
        """
        size_bytes = waiting.size_bytes
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(size_bytes), timeout_seconds):
                return False
            spills = len(self._entries) >= _IN_MEMORY
        entry = _Entry(
            spans=waiting.spans,
            batch=None if spills else waiting,
            spill=write_spill(self._spill_path(), waiting) if spills else None,
            alerts=waiting.alerts.num_rows,
            size_bytes=size_bytes,
            pack=waiting.pack.path if waiting.pack else None,
        )
        with self._changed:
            self._entries.append(entry)
            self._size_bytes += size_bytes
            self._changed.notify_all()
        return True

    def peek(self, timeout_seconds: float = 0.0) -> Waiting | None:
        """Return the oldest batch, without what has been dropped of it, and leave it here; None when nothing waits.

        Raises
        ------
        SpoolDamaged
            If it was spilled and its file is damaged. It stays the oldest until its partitions are dropped.
        """
        while entry := self._take(timeout_seconds):
            if entry.batch is None and entry.spill is not None:
                entry.batch = self._unspilled(entry, entry.spill)
            with self._changed:
                if entry.batch is not None and entry.spans:
                    if entry.batch.spans != entry.spans:
                        entry.batch = entry.batch.within(entry.spans)
                    return entry.batch
        return None

    def done(self) -> None:
        """Forget the batch that was peeked at, with its files: it is archived."""
        with self._changed:
            if self._taken is None:
                raise ValueError("done() without peek()")
            self._remove(self._taken)

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget all messages of some partitions: they belong to another node now, or are read again from Kafka."""
        self._narrow(lambda partition, span: None if partition in partitions else span)

    def trim(self, marks: Mapping[Partition, int]) -> None:
        """Forget messages below these marks: they are archived already."""

        def rest(partition: Partition, span: tuple[int, int]) -> tuple[int, int] | None:
            mark = marks.get(partition, span[0])
            return (max(mark, span[0]), span[1]) if mark < span[1] else None

        self._narrow(rest)

    def clear(self) -> None:
        """Forget all that waits, and delete all packs here; not while a batch is being archived."""
        with self._changed:
            for entry in tuple(self._entries):
                self._remove(entry)
            self._delete_all()

    def state(self) -> SpoolState:
        """Return how much waits."""
        with self._changed:
            return SpoolState(
                batches=len(self._entries),
                spilled=sum(entry.batch is None for entry in self._entries),
                alerts=sum(entry.alerts for entry in self._entries),
                size_bytes=self._size_bytes,
            )

    def close(self) -> None:
        """Throw away what waits, and let another process use the folder."""
        self.clear()
        self._lock.close()

    def _has_room(self, size_bytes: int) -> bool:
        return not self._entries or self._size_bytes + size_bytes <= self._max_bytes

    def _spill_path(self) -> Path:
        self._counter += 1
        return self._folder / "waiting" / f"{self._counter:09d}.arrow"

    def _take(self, timeout_seconds: float) -> _Entry | None:
        """Return the oldest entry that has something left, marked as taken so that a drop leaves its files alone."""
        with self._changed:
            if self._taken is not None and not self._taken.spans:
                self._remove(self._taken)
            self._changed.wait_for(lambda: self._entries, timeout_seconds)
            self._taken = self._entries[0] if self._entries else None
            return self._taken

    def _unspilled(self, entry: _Entry, spill: Spill) -> Waiting:
        try:
            return read_spill(spill)
        except SpoolDamaged as error:
            with self._changed:
                error.spans = entry.spans
                self._taken = None
                if not entry.spans:
                    self._remove(entry)
            raise

    def _narrow(self, rest: Callable[[Partition, tuple[int, int]], tuple[int, int] | None]) -> None:
        with self._changed:
            for entry in tuple(self._entries):
                left = {partition: rest(partition, span) for partition, span in entry.spans.items()}
                entry.spans = {partition: span for partition, span in left.items() if span is not None}
                if not entry.spans and entry is not self._taken:
                    self._remove(entry)

    def _remove(self, entry: _Entry) -> None:
        self._entries.remove(entry)
        self._size_bytes -= entry.size_bytes
        if entry is self._taken:
            self._taken = None
        entry.delete_files()
        self._changed.notify_all()

    def _delete_all(self) -> None:
        for folder in (self.packs, self._folder / "waiting"):
            if folder.exists():
                shutil.rmtree(folder)


def _locked(folder: Path) -> ExitStack:
    """Return what has the folder's lock until it is closed."""
    with ExitStack() as stack:
        if not stack.enter_context(file_lock(folder / "lock", wait=False)):
            raise UserError(f"the folder {folder} is in use by another node; give each node its own")
        return stack.pop_all()
