"""Packets in the wire format, for the simulator and for tests."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import fastavro

from ._store import Schema


def encode(schema: Schema, record: Mapping[str, Any]) -> bytes:
    """Return a record as a message: header, then Avro body.

    Raises
    ------
    ValueError
        If the record does not fit the schema.
    """
    stream = io.BytesIO()
    stream.write(frame_header(schema.id))
    fastavro.schemaless_writer(stream, schema.parsed, record)
    return stream.getvalue()


def frame_header(schema_id: int) -> bytes:
    """Return the five bytes that stand before an Avro body.

    >>> frame_header(1101).hex()
    '000000044d'
    """
    return struct.pack(">bI", 0, schema_id)
