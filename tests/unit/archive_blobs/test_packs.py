"""Packs hold the cutouts byte for byte, say when they are torn, and can be made again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.archive.footers import KINDS, PackDamaged, Place, read_footer, verify_pack
from splanc.archive.packs import INDEX, Pack, PackWriter, pack_name, remake_pack, write_pack
from splanc.errors import UpstreamError
from splanc.packet import Batch, Decoder, Messages
from tests.unit.archive_blobs.batches import Alert, made_batch, part, real_messages

NAME = "20251230/node-1.pack"

ALERTS: list[Alert] = [
    ("b", 1, 8, (b"science 8" * 5, b"template 8", b"difference 8")),
    ("a", 0, 5, (b"science 5", None, b"")),
    ("b", 1, 7, (None, None, None)),
    ("b", 0, 9, (b"", b"template 9" * 9, None)),
]


def pack_of(folder: Path, batch: Batch, rows: np.ndarray | None = None, *, fsync: bool = False) -> Pack | None:
    writer = PackWriter(folder, NAME)
    writer.add(batch, rows)
    return writer.finish(fsync=fsync)


def _kept(batch: Batch, pack: Pack, data: bytes) -> list[tuple[bytes | None, ...]]:
    """The cutouts that the index finds in a pack's bytes."""
    return [
        tuple(None if row[f"{kind}Length"] is None else data[row[f"{kind}Start"] :][: row[f"{kind}Length"]] for kind in KINDS) for row in pack.index.to_pylist()
    ]


def test_the_name_is_safe_in_a_path_and_a_url() -> None:
    moment = datetime(2025, 12, 31, 5, 30, 0, 42, tzinfo=UTC)
    assert pack_name(20251230, "../host.example:9/x", moment, 3) == "20251230/-host-example-9-x-20251231T053000.000042Z-000003.pack"


def test_the_index_finds_every_cutout(tmp_path: Path) -> None:
    batch = made_batch(ALERTS)
    pack = pack_of(tmp_path, batch, fsync=True)
    assert pack is not None
    data = pack.path.read_bytes()
    assert pack.path == tmp_path / NAME
    assert pack.index.schema == INDEX
    assert _kept(batch, pack, data) == [alert[3] for alert in ALERTS]
    assert pack.index["pack"].to_pylist() == [NAME] * 4
    assert pack.places == (Place("a", 0, 5, 6), Place("b", 0, 9, 10), Place("b", 1, 7, 9))
    assert pack.n_cutouts == 7
    assert pack.size_bytes == len(data)


def test_the_pack_says_itself_what_is_in_it(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, NAME, [made_batch(ALERTS)])
    assert pack is not None
    footer = verify_pack(pack.path)
    assert verify_pack(pack.path.read_bytes()).checksum == read_footer(pack.path).checksum == footer.checksum == pack.checksum
    assert (footer.name, footer.places) == (pack.name, pack.places)
    assert footer.entries["diaSourceId"].tolist() == [5, 9, 1007, 1008]
    assert footer.entries["offset"].tolist() == [5, 9, 7, 8]
    assert footer.entries["place"].tolist() == [0, 1, 2, 2]
    assert footer.entries["lengths"].tolist() == [[9, -1, 0], [0, 90, -1], [-1, -1, -1], [45, 10, 12]]
    assert footer.cutout_bytes == 166
    assert pack.row() == {
        "name": NAME,
        "bytes": pack.size_bytes,
        "checksum": pack.checksum,
        "n_cutouts": 7,
        "places": [
            {"topic": "a", "partition": 0, "first": 5, "next": 6},
            {"topic": "b", "partition": 0, "first": 9, "next": 10},
            {"topic": "b", "partition": 1, "first": 7, "next": 9},
        ],
    }


def test_some_rows(tmp_path: Path) -> None:
    batch = made_batch(ALERTS)
    pack = pack_of(tmp_path, batch, np.array([True, False, False, True]))
    assert pack is not None
    assert pack.places == (Place("b", 0, 9, 10), Place("b", 1, 8, 9))
    assert pack.index["pack"].to_pylist() == [NAME, None, None, NAME]
    none = (None, None, None)
    assert _kept(batch, pack, pack.path.read_bytes()) == [ALERTS[0][3], none, none, ALERTS[3][3]]
    assert pack.index["checksum"].null_count == 2


def test_rows_with_a_gap_are_refused(tmp_path: Path) -> None:
    batch = made_batch([("a", 0, offset, (b"x", b"y", b"z")) for offset in (3, 4, 5)])
    with pytest.raises(ValueError, match="between offsets 3 and 6"):
        pack_of(tmp_path, batch, np.array([True, False, True]))


def test_no_cutouts_no_pack(tmp_path: Path) -> None:
    assert write_pack(tmp_path, NAME, [made_batch([("a", 0, 0, (None, None, None))])]) is None
    assert pack_of(tmp_path, made_batch([]), np.zeros(0, np.bool_)) is None
    assert pack_of(tmp_path, made_batch(ALERTS), np.zeros(4, np.bool_)) is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_more_alerts_than_one_write_takes(tmp_path: Path) -> None:
    alerts: list[Alert] = [("a", 0, offset, (b"s%d" % offset, b"t%d" % offset, b"d%d" % offset)) for offset in range(100)]
    batch = made_batch(alerts)
    pack = write_pack(tmp_path, NAME, [batch])
    assert pack is not None
    assert _kept(batch, pack, pack.path.read_bytes()) == [alert[3] for alert in alerts]


@given(step=st.integers(1, 40))
def test_short_writes_are_continued(tmp_path_factory: pytest.TempPathFactory, step: int) -> None:
    written = bytearray()

    def short(_: int, views: list[memoryview]) -> int:
        data = b"".join(views)[:step]
        written.extend(data)
        return len(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "writev", short)
        pack = write_pack(tmp_path_factory.mktemp("short"), NAME, [made_batch(ALERTS)])
    assert pack is not None
    assert verify_pack(bytes(written)).checksum == pack.checksum


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(UpstreamError, match="No space left on device; make room"):
        write_pack(tmp_path, NAME, [made_batch(ALERTS)])
    assert list((tmp_path / NAME).parent.iterdir()) == []


def test_every_truncation_is_found(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, NAME, [made_batch(ALERTS)])
    assert pack is not None
    data = pack.path.read_bytes()
    for end in range(len(data)):
        with pytest.raises(PackDamaged):
            read_footer(data[:end])
        with pytest.raises(PackDamaged):
            read_footer(data[:end] + bytes(len(data) - end))
    with pytest.raises(PackDamaged, match="torn"):
        read_footer(data + b"\0")


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, NAME, [made_batch(ALERTS)])
    assert pack is not None
    data = pack.path.read_bytes()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PackDamaged):
            verify_pack(bytes(damaged))
        if bit // 8 >= 166:
            with pytest.raises(PackDamaged):
                read_footer(bytes(damaged))


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, NAME, [made_batch(ALERTS)])
    assert pack is not None
    data = pack.path.read_bytes()
    with pytest.raises(PackDamaged, match=f"pack {NAME}: the cutouts of 1 of 4 alerts have changed, first those of diaSourceId 5"):
        verify_pack(b"S" + data[1:])
    with pytest.raises(PackDamaged, match="there is no such file"):
        read_footer(tmp_path / "gone.pack")
    (tmp_path / "empty.pack").touch()
    with pytest.raises(PackDamaged, match="0 bytes are too few"):
        verify_pack(tmp_path / "empty.pack")
    with pytest.raises(PackDamaged, match="format version 2"):
        read_footer(data[:-28] + b"\2" + data[-27:])
    with pytest.raises(UpstreamError, match="cannot read"):
        read_footer(tmp_path)


def _log(messages: Messages, place: Place) -> Messages:
    """The messages of a place, as a log would give them: one partition, by offset."""
    topics = np.array(messages.topics, object)
    offsets = messages.offsets
    inside = (topics == place.topic) & (messages.partitions == place.partition) & (offsets >= place.first) & (offsets < place.next)
    return part(messages, inside)


def test_real_packets_packed_and_made_again(tmp_path: Path, decoder: Decoder) -> None:
    messages = real_messages(tmp_path)
    batch = decoder.decode(messages)
    pack = write_pack(tmp_path / "packs", NAME, [batch])
    assert pack is not None
    data = pack.path.read_bytes()
    for row, value in zip(pack.index.to_pylist(), messages.values, strict=True):
        for kind in KINDS:
            cutout = data[row[f"{kind}Start"] :][: row[f"{kind}Length"]]
            assert cutout.startswith(b"SIMPLE  =                    T")
            assert cutout in value
    assert pack.n_cutouts == 81
    pack.path.unlink()
    again = remake_pack(tmp_path / "again", pack.row(), lambda place: _log(messages, place), decoder.decode)
    assert again.path.read_bytes() == data
    assert again.row() == pack.row()


def test_a_part_of_a_batch_made_again(tmp_path: Path, decoder: Decoder) -> None:
    messages = real_messages(tmp_path)
    pack = pack_of(tmp_path / "packs", decoder.decode(messages), (messages.offsets >= 103) & (messages.partitions > 0))
    assert pack is not None
    again = remake_pack(tmp_path / "again", pack.row(), lambda place: _log(messages, place), decoder.decode)
    assert again.path.read_bytes() == pack.path.read_bytes()


@pytest.mark.parametrize("gone", [slice(0, 1), slice(0, 27)])
def test_messages_that_kafka_no_longer_has(tmp_path: Path, decoder: Decoder, gone: slice) -> None:
    messages = real_messages(tmp_path)
    pack = write_pack(tmp_path / "packs", NAME, [decoder.decode(messages)])
    assert pack is not None
    there = np.ones(len(messages), np.bool_)
    there[gone] = False
    left = part(messages, there)
    with pytest.raises(PackDamaged, match=rf"pack {NAME}: cannot be made again: .*lsst-alerts\[0\] 100…108, .* no longer all there"):
        remake_pack(tmp_path / "again", pack.row(), lambda place: _log(left, place), decoder.decode)
    assert list((tmp_path / "again").rglob("*.pack")) == []


def test_parts_of_a_batch_with_a_full_disk_between_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = made_batch(ALERTS), made_batch([("a", 0, offset, (b"s%d" % offset, None, b"d")) for offset in (6, 7)])
    writer = PackWriter(tmp_path, NAME)
    writer.add(first)
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", _torn)
        for _ in range(2):
            with pytest.raises(UpstreamError, match="No space left on device"):
                writer.add(second)
            with pytest.raises(UpstreamError, match="No space left on device"):
                writer.finish()
    writer.add(second)
    pack = writer.finish()
    assert pack is not None
    assert verify_pack(pack.path).checksum == pack.checksum
    assert _kept(first, pack, pack.path.read_bytes()) == [*(alert[3] for alert in ALERTS), (b"s6", None, b"d"), (b"s7", None, b"d")]
    assert pack.places == (Place("a", 0, 5, 6), Place("b", 0, 9, 10), Place("b", 1, 7, 9), Place("a", 0, 6, 8))


_write_for_true = os.write


def _torn(file: int, views: list[memoryview]) -> int:
    _write_for_true(file, bytes(views[0])[:3])
    raise OSError(28, "No space left on device")


def test_real_packets_in_parts_made_again(tmp_path: Path, decoder: Decoder) -> None:
    messages = real_messages(tmp_path)
    parts = [part(messages, np.arange(27) // 10 == number) for number in range(3)]
    pack = write_pack(tmp_path / "packs", NAME, map(decoder.decode, parts))
    assert pack is not None
    again = remake_pack(tmp_path / "again", pack.row(), lambda place: _log(messages, place), decoder.decode)
    assert again.path.read_bytes() == pack.path.read_bytes()
