"""Packs: one append-only file with the cutouts of a batch.

What is in a pack, and in which order, follows from its places in the log alone, so it can be made again from Kafka,
byte by byte (`remake_pack`); the archive's cutout index then still fits. The format is in `footers.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import UpstreamError
from ..packet import Batch, Messages
from .checksums import checksum_ranges
from .footers import ENTRY, KINDS, PackDamaged, Place, encode_footer, starts_of

INDEX = pa.schema(
    [("pack", pa.string())] + [field for kind in KINDS for field in ((f"{kind}Start", pa.int64()), (f"{kind}Length", pa.int32()))] + [("checksum", pa.int64())]
)
"""The cutout index: where each alert's cutouts are, bytes from the start of the pack; NULL where there is none."""

_GROUP = 8
"""Alerts a `writev`: 24 ranges, 0.9 MB, still in the processor's cache from checksumming.

Measured: with four times as much the kernel's copy costs three times as much.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack that was written here.

    Parameters
    ----------
    name : its name in the blob store.
    path : the local file.
    size_bytes, checksum, places : as in its footer.
    n_cutouts : number of cutouts.
    index : table of schema `INDEX`, one row for each alert of the batch; all NULL for alerts that are not in the pack.
    """

    name: str
    path: Path
    size_bytes: int
    checksum: int
    places: tuple[Place, ...]
    n_cutouts: int
    index: pa.Table

    def row(self) -> dict[str, Any]:
        """Return what the archive keeps of a pack: name, bytes, checksum, n_cutouts, and places as plain JSON."""
        return {
            "name": self.name,
            "bytes": self.size_bytes,
            "checksum": self.checksum,
            "n_cutouts": self.n_cutouts,
            "places": [place._asdict() for place in self.places],
        }


def pack_name(night: int, node: str, moment: datetime, counter: int) -> str:
    """Return the name of a node's pack: safe in a path and a URL, sorted by time within a node.

    >>> from datetime import UTC
    >>> pack_name(20251230, "host a/1", datetime(2025, 12, 31, 5, 30, tzinfo=UTC), 7)
    '20251230/host-a-1-20251231T053000.000000Z-000007.pack'
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", node)
    return f"{night}/{plain}-{moment:%Y%m%dT%H%M%S.%fZ}-{counter:06d}.pack"


class PackWriter:
    """Writes a pack, the alerts of a batch some hundred at a time, while the processor's caches still have them.

    Parameters
    ----------
    folder : where local packs are; the folders in `name` are made.
    name : see `pack_name`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._path = folder / name
        self._file: FileIO | None = None
        self._size_bytes = 0
        self._alerts = 0
        self._places: list[Place] = []
        self._orders: list[npt.NDArray[np.int64]] = []
        self._entries: list[npt.NDArray[np.void]] = []

    def add(self, batch: Batch, rows: npt.NDArray[np.bool_] | None = None) -> None:
        """Append the cutouts of a batch.

        Parameters
        ----------
        batch : the alerts, with their messages.
        rows : which alerts, shape (n_alert,); None: all. Of each partition, a span of offsets without gaps.

        Raises
        ------
        UpstreamError
            If the file cannot be written; nothing of this batch is in the pack then, and it may be added again.
        ValueError
            If an alert is left out from the middle of a span: the pack could not be made again from its places.
        """
        chosen = np.ones(len(batch), np.bool_) if rows is None else rows
        if chosen.any():
            places, order, place_of = _layout(batch, chosen)
            lengths = _columns(batch, "lengths")
            entries = np.zeros(order.size, ENTRY)
            entries["diaSourceId"] = batch.alerts["diaSourceId"].to_numpy()[order]
            entries["offset"] = batch.alerts["offset"].to_numpy()[order]
            entries["place"] = place_of + len(self._places)
            entries["lengths"] = lengths[order]
            with self._appending(int(entries["lengths"].clip(0).sum())) as file:
                entries["checksum"] = _write_cutouts(file.fileno(), batch, order, lengths)
            self._places += places
            self._orders.append(order + self._alerts)
            self._entries.append(entries)
        self._alerts += len(batch)

    def finish(self, *, fsync: bool = False) -> Pack | None:
        """End the pack and return it; None, and no file, when there are no cutouts.

        Parameters
        ----------
        fsync : wait until the disk has it. Not needed while Kafka has the messages.

        Raises
        ------
        UpstreamError
            If the file cannot be written; finish it again, or abandon it.
        """
        entries = np.concatenate([np.zeros(0, ENTRY), *self._entries])
        n_cutouts = int((entries["lengths"] >= 0).sum())
        if not n_cutouts:
            self.abandon()
            return None
        footer, checksum = encode_footer(self._name, self._places, entries)
        with self._appending(len(footer)) as file:
            _write(file.fileno(), [memoryview(footer)])
            if fsync:
                os.fsync(file.fileno())
        file.close()
        return Pack(
            name=self._name,
            path=self._path,
            size_bytes=self._size_bytes,
            checksum=checksum,
            places=tuple(self._places),
            n_cutouts=n_cutouts,
            index=_index(self._name, self._alerts, np.concatenate(self._orders), entries),
        )

    def abandon(self) -> None:
        """Delete what was written."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _appending(self, size_bytes: int) -> Iterator[FileIO]:
        """Give the file to append so many bytes to; it is as it was if that fails."""
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = FileIO(self._path, "w")
            # Room claimed at once makes the copy a fifth cheaper, and a full disk known before anything is written.
            if size_bytes:
                os.posix_fallocate(self._file.fileno(), self._size_bytes, size_bytes)
            yield self._file
        except OSError as error:
            if self._file is not None:
                self._file.truncate(self._size_bytes)
                self._file.seek(self._size_bytes)
            raise UpstreamError(f"cannot write the pack of cutouts {self._path}: {error.strerror}; make room there, or set another data_dir") from error
        self._size_bytes += size_bytes


def write_pack(folder: Path, name: str, batches: Iterable[Batch]) -> Pack | None:
    """Write the cutouts of batches to one pack, in order; None, and no file, when there are none.

    Raises
    ------
    UpstreamError
        If the file cannot be written; nothing of it is left then.
    """
    writer = PackWriter(folder, name)
    try:
        for batch in batches:
            writer.add(batch)
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise


def remake_pack(
    folder: Path,
    row: Mapping[str, Any],
    read: Callable[[Place], Messages],
    decode: Callable[[Messages], Batch],
) -> Pack:
    """Write a pack again from the messages it was made from, byte for byte, and return it.

    Parameters
    ----------
    folder : where to write; the caller then puts it into the blob store.
    row : the archive's row of the pack, as `Pack.row` gave it.
    read : returns the messages of a place, all of them and no others, from Kafka or from a file.
    decode : the decoder.

    Raises
    ------
    PackDamaged
        If the messages are not those the pack was made from, for example since Kafka no longer keeps them.
    UpstreamError
        If the messages cannot be read or the file cannot be written.
    """
    places = [Place(**place) for place in row["places"]]
    pack = write_pack(folder, row["name"], (decode(read(place)) for place in places))
    if pack is not None and (pack.checksum, pack.size_bytes) == (row["checksum"], row["bytes"]):
        return pack
    if pack is not None:
        pack.path.unlink()
    spans = ", ".join(f"{place.topic}[{place.partition}] {place.first}…{place.next - 1}" for place in places)
    raise PackDamaged(row["name"], f"cannot be made again: the messages at {spans} are no longer all there, or have changed")


def _columns(batch: Batch, what: str) -> npt.NDArray[np.int64]:
    cutouts = [batch.cutouts[f"cutout{kind.title()}"] for kind in KINDS]
    return np.stack([np.asarray(getattr(cutout, what), np.int64) for cutout in cutouts], axis=1)


def _layout(batch: Batch, chosen: npt.NDArray[np.bool_]) -> tuple[tuple[Place, ...], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    message = batch.alerts["message"].to_numpy()
    offsets = batch.alerts["offset"].to_numpy()
    places, orders = [], []
    for partition, messages in batch.messages.by_partition():
        here = np.flatnonzero(messages[message])
        rows = here[chosen[here]]
        if not rows.size:
            continue
        place = Place(partition.topic, partition.number, int(offsets[rows].min()), int(offsets[rows].max()) + 1)
        if ((offsets[here] >= place.first) & (offsets[here] < place.next)).sum() != rows.size:
            raise ValueError(f"a pack holds whole spans, but alerts between offsets {place.first} and {place.next} of {partition} are left out")
        places.append(place)
        orders.append(rows[np.argsort(offsets[rows])])
    place_of = np.repeat(np.arange(len(orders), dtype=np.int32), [rows.size for rows in orders])
    return tuple(places), np.concatenate(orders), place_of


def _write_cutouts(file: int, batch: Batch, order: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    values = batch.messages.values
    message = batch.alerts["message"].to_numpy()[order].tolist()
    starts, lengths = _columns(batch, "starts")[order], lengths[order]
    ends = (starts + lengths).tolist()
    sums = np.empty(order.size, np.int64)
    for group in range(0, order.size, _GROUP):
        views: list[memoryview] = []
        for i in range(group, min(group + _GROUP, order.size)):
            value = values[message[i]]
            sums[i] = checksum_ranges(value, starts[i], lengths[i])
            view = memoryview(value)
            views += [view[start:end] for start, end in zip(starts[i].tolist(), ends[i], strict=True) if end > start]
        _write(file, views)
    return sums


def _write(file: int, views: Sequence[memoryview]) -> None:
    while views:
        written = os.writev(file, views)
        views = list(_after(views, written))


def _after(views: Iterable[memoryview], written: int) -> Iterable[memoryview]:
    for view in views:
        if written < len(view):
            yield view[written:]
        written = max(0, written - len(view))


def _index(name: str, n_alert: int, order: npt.NDArray[np.int64], entries: npt.NDArray[np.void]) -> pa.Table:
    absent = np.ones(n_alert, np.bool_)
    absent[order] = False
    starts, lengths, sums = np.zeros((n_alert, 3), np.int64), np.full((n_alert, 3), -1, np.int32), np.zeros(n_alert, np.int64)
    starts[order], lengths[order], sums[order] = starts_of(entries["lengths"]), entries["lengths"], entries["checksum"]
    columns: list[pa.Array[Any]] = [pa.array(np.full(n_alert, name, object), pa.string(), mask=absent)]
    for kind in range(len(KINDS)):
        mask = lengths[:, kind] < 0
        columns += [pa.array(starts[:, kind], pa.int64(), mask=mask), pa.array(lengths[:, kind], pa.int32(), mask=mask)]
    columns.append(pa.array(sums, pa.int64(), mask=absent))
    return pa.Table.from_arrays(columns, schema=INDEX)
