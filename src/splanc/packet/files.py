"""Packets from files: Avro containers, single framed messages, and folders and tarballs of these."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fastavro
import numpy as np

from ..errors import PacketError, UserError, first_line
from ._batch import Messages
from ._containers import MAGIC, is_one_packet
from ._encode import frame_header
from ._store import Schema, SchemaStore

CHUNK_MESSAGES = 1000
"""The most messages that are held at a time: about 130 MB."""

_LARGEST_PACKET = 1 << 22
"""A container that is larger is read record by record, though it may hold one packet only; bytes."""

_FRAME_MAGIC = b"\x00"
_TARBALLS = (".tar", ".tar.gz", ".tgz")
_ANNOUNCED = (".avro",)
"""A file in a folder or tarball with this ending is said to be a packet, and if it is not one, that is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """One message from a file."""

    value: bytes
    topic: str
    offset: int
    timestamp_ms: int


def read_files(paths: Iterable[Path], schemas: SchemaStore, *, on_error: Callable[[PacketError], None]) -> Iterator[Messages]:
    """Yield the packets of files.

    A file that is what a survey sends as one message is that message: one framed packet, or a container with one packet that is not
    compressed. Records of other containers are framed with the ids under which `schemas` knows their schemas. A message's topic is
    the path of its file (in tarballs, with the member's), its partition -1, its offset the record's number in the file, its timestamp
    the file's. What cannot be read is given to `on_error`, and the reading goes on.

    Parameters
    ----------
    paths : Avro containers, single messages with a header, tarballs, or folders, which are read with all that is below, sorted.

    Raises
    ------
    UserError
        If a path does not exist.
    """
    held: list[_Record] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"no file or folder {path}")
        for record in _read_path(path, schemas, on_error):
            held.append(record)
            if len(held) == CHUNK_MESSAGES:
                yield _messages(held)
                held = []
    if held:
        yield _messages(held)


def _messages(records: list[_Record]) -> Messages:
    return Messages(
        values=[record.value for record in records],
        topics=[record.topic for record in records],
        partitions=np.full(len(records), -1, np.int32),
        offsets=np.array([record.offset for record in records], np.int64),
        timestamps_ms=np.array([record.timestamp_ms for record in records], np.int64),
    )


def _read_path(path: Path, schemas: SchemaStore, on_error: Callable[[PacketError], None]) -> Iterator[_Record]:
    """Yield the records below a path."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        try:
            if file.name.endswith(_TARBALLS):
                yield from _read_tarball(file, schemas, on_error)
            else:
                with file.open("rb") as stream:
                    timestamp_ms = int(file.stat().st_mtime * 1000)
                    yield from _read_stream(stream, str(file), timestamp_ms, schemas, is_named=file == path)
        except PacketError as error:
            on_error(error)
        except OSError as error:
            on_error(PacketError(f"it cannot be read: {error}", kind="file", topic=str(file)))


def _read_tarball(file: Path, schemas: SchemaStore, on_error: Callable[[PacketError], None]) -> Iterator[_Record]:
    """Yield the records of a tarball's members."""
    try:
        with tarfile.open(file) as tarball:
            for member in tarball:
                stream = tarball.extractfile(member) if member.isfile() else None
                if stream is not None:
                    yield from _guarded(_read_stream(stream, f"{file}/{member.name}", int(member.mtime * 1000), schemas, is_named=False), on_error)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        why = first_line(error).rstrip(":")
        raise PacketError(f"the tarball is damaged, or is none: {why}", kind="file", topic=str(file)) from error


def _guarded(records: Iterator[_Record], on_error: Callable[[PacketError], None]) -> Iterator[_Record]:
    try:
        yield from records
    except PacketError as error:
        on_error(error)


def _read_stream(stream: IO[bytes], name: str, timestamp_ms: int, schemas: SchemaStore, *, is_named: bool) -> Iterator[_Record]:
    """Yield the records of one file; a file that is neither container nor message is passed over unless it is said to be one."""
    magic = stream.read(len(MAGIC))
    stream.seek(0)
    if magic == MAGIC and is_one_packet(value := stream.read(_LARGEST_PACKET)):
        yield _Record(value=value, topic=name, offset=0, timestamp_ms=timestamp_ms)
    elif magic == MAGIC:
        stream.seek(0)
        for offset, value in enumerate(_read_container(stream, name, schemas)):
            yield _Record(value=value, topic=name, offset=offset, timestamp_ms=timestamp_ms)
    elif magic.startswith(_FRAME_MAGIC):
        yield _Record(value=stream.read(), topic=name, offset=0, timestamp_ms=timestamp_ms)
    elif is_named or name.endswith(_ANNOUNCED):
        raise PacketError("it is neither an Avro container nor a message with a header", kind="file", topic=name)


def _read_container(stream: IO[bytes], name: str, schemas: SchemaStore) -> Iterator[bytes]:
    """Yield the records of a container, framed."""
    read = 0
    try:
        reader = fastavro.block_reader(stream)
        schema = schemas.add(reader.metadata["avro.schema"])
        for block in reader:
            for body in _split(block, schema):
                yield frame_header(schema.id) + body
                read += 1
    except PacketError as error:
        raise PacketError(error.why, kind=error.kind, topic=name) from error
    except Exception as error:  # fastavro raises whatever damaged bytes lead it to
        raise PacketError(f"the container is damaged: {error!r}", kind="file", topic=name, offset=read) from error


def _split(block: Any, schema: Schema) -> Iterator[bytes]:
    """Yield the records of a block, which stand in it one after another without a mark between them."""
    data = block.bytes_.getvalue()
    if block.num_records == 1:
        yield data
        return
    stream = io.BytesIO(data)
    for _ in range(block.num_records):
        begin = stream.tell()
        fastavro.schemaless_reader(stream, schema.plain, None)
        yield data[begin : stream.tell()]
