"""The format of a pack, and how to tell that one is whole.

A pack is cutouts end to end, then a footer: one `ENTRY` an alert, a JSON header (name and places), and a trailer of
fixed size. Alerts stand in the order of topic, partition and offset, and in each alert the kinds in the order of `KINDS`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import UpstreamError
from .checksums import checksum, checksum_rows

KINDS = ("science", "template", "difference")
"""The kinds of cutout, in the order in which they stand in a pack."""

ENTRY = np.dtype([("diaSourceId", "<i8"), ("offset", "<i8"), ("place", "<i4"), ("lengths", "<i4", (3,)), ("checksum", "<i8")])
"""An alert in the footer, 40 bytes: its place is a row of the header's places; the length of a cutout that is not there is -1."""

_MAGIC = b"splancPK"
"""The first bytes of a trailer."""

_VERSION = 1
"""Version of the format."""

_TRAILER = struct.Struct("<8sIIQI")
"""Magic, version, number of entries, bytes of cutouts, bytes of the JSON header; the checksum of the footer follows."""

_SUM = struct.Struct("<q")
"""Checksum of the footer: entries, header and trailer. The entries hold the checksums of the cutouts."""

_TRAILER_BYTES = _TRAILER.size + _SUM.size


class PackDamaged(UpstreamError):
    """A pack is torn, changed or missing.

    Parameters
    ----------
    name : of the pack.
    why : what is wrong with it.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"pack {name}: {why}")
        self.name = name
        self.why = why


class Place(NamedTuple):
    """Messages that a pack was made from: offsets `first` … `next` - 1 of one partition."""

    topic: str
    partition: int
    first: int
    next: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What a pack says about itself.

    Parameters
    ----------
    name : its name.
    places : the messages it was made from.
    entries : its alerts, of dtype `ENTRY`, shape (n_alert,).
    cutout_bytes : bytes of cutouts before the footer.
    checksum : of the footer, and so of all.
    """

    name: str
    places: tuple[Place, ...]
    entries: npt.NDArray[np.void]
    cutout_bytes: int
    checksum: int


def encode_footer(name: str, places: Sequence[Place], entries: npt.NDArray[np.void]) -> tuple[bytes, int]:
    """Return the bytes of a footer and its checksum."""
    header = json.dumps({"name": name, "places": [list(place) for place in places]}, separators=(",", ":")).encode()
    cutout_bytes = int(entries["lengths"].clip(0).sum())
    body = entries.tobytes() + header + _TRAILER.pack(_MAGIC, _VERSION, len(entries), cutout_bytes, len(header))
    total = checksum(body)
    return body + _SUM.pack(total), total


def read_footer(pack: Path | bytes) -> Footer:
    """Return the footer of a whole pack; cheap, since the cutouts are not read (`verify_pack` does).

    Parameters
    ----------
    pack : its file, or all of its bytes.

    Raises
    ------
    PackDamaged
        If the file is missing, too short or too long, or its footer is not as it was written.
    """
    return _parse(_bytes_of(pack), str(pack) if isinstance(pack, Path) else "in memory")


def verify_pack(pack: Path | bytes) -> Footer:
    """Return the footer of a pack of which every byte is as it was written.

    Raises
    ------
    PackDamaged
        As `read_footer`, and if a cutout has changed; the message names the first such alert.
    """
    data = _bytes_of(pack)
    footer = _parse(data, str(pack) if isinstance(pack, Path) else "in memory")
    entries = footer.entries
    sums = checksum_rows(data, starts_of(entries["lengths"]), entries["lengths"].astype(np.int64))
    wrong = np.flatnonzero(sums != entries["checksum"])
    if wrong.size:
        first = entries["diaSourceId"][wrong[0]]
        raise PackDamaged(footer.name, f"the cutouts of {wrong.size} of {len(entries)} alerts have changed, first those of diaSourceId {first}")
    return footer


def starts_of(lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return where cutouts of these lengths begin when they stand end to end, shape (n_alert, 3), as `lengths`."""
    flat = lengths.clip(0).astype(np.int64).ravel()
    return (flat.cumsum() - flat).reshape(lengths.shape)


def _bytes_of(pack: Path | bytes) -> npt.NDArray[np.uint8]:
    if isinstance(pack, bytes):
        return np.frombuffer(pack, np.uint8)
    try:
        return np.memmap(pack, np.uint8, mode="r") if pack.stat().st_size else np.empty(0, np.uint8)
    except FileNotFoundError as error:
        raise PackDamaged(str(pack), "there is no such file") from error
    except OSError as error:
        raise UpstreamError(f"cannot read the pack of cutouts {pack}: {error.strerror}") from error


def _parse(data: npt.NDArray[np.uint8], source: str) -> Footer:
    if data.size < _TRAILER_BYTES:
        raise PackDamaged(source, f"torn: {data.size} bytes are too few for a pack")
    tail = data[-_TRAILER_BYTES:].tobytes()
    magic, version, count, cutout_bytes, header_bytes = _TRAILER.unpack_from(tail)
    if magic != _MAGIC:
        raise PackDamaged(source, "torn: it does not end as a pack does")
    if version != _VERSION:
        raise PackDamaged(source, f"of format version {version}, which this splanc cannot read; use a newer one")
    entry_bytes = count * ENTRY.itemsize
    if data.size != cutout_bytes + entry_bytes + header_bytes + _TRAILER_BYTES:
        raise PackDamaged(source, f"torn: {data.size} bytes are not what its footer says")
    (written,) = _SUM.unpack_from(tail, _TRAILER.size)
    if checksum(data[cutout_bytes : -_SUM.size]) != written:
        raise PackDamaged(source, "its footer has changed")
    entries = np.frombuffer(data[cutout_bytes : cutout_bytes + entry_bytes].tobytes(), ENTRY)
    header = json.loads(data[cutout_bytes + entry_bytes : -_TRAILER_BYTES].tobytes())
    places = tuple(Place(*place) for place in header["places"])
    return Footer(name=header["name"], places=places, entries=entries, cutout_bytes=cutout_bytes, checksum=written)
