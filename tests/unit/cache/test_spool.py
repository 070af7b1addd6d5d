"""The spool keeps order, its bound and every batch until it is done; a state machine drives it against a plain list."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from splanc.cache import Spool, SpoolDamaged, SpoolState, Waiting, _spool
from splanc.cache._spill import Spill, read_spill
from splanc.errors import UpstreamError, UserError
from splanc.packet import Partition
from tests.unit.cache.waiting import Span, contents, expected, made_waiting

PARTITIONS = [Partition("a", 0), Partition("a", 1), Partition("b", 0)]
A, B, C = PARTITIONS


def _put(spool: Spool, number: int, spans: dict[Partition, Span], pack_bytes: int = 1000) -> Waiting:
    waiting = made_waiting(spans, spool.packs / f"{number}.pack", pack_bytes)
    assert spool.put(waiting)
    return waiting


def _spans_waiting(spool: Spool) -> list[dict[Partition, Span]]:
    """Take all that waits."""
    found = []
    while waiting := spool.peek():
        assert contents(waiting) == expected(dict(waiting.spans))
        found.append(dict(waiting.spans))
        spool.done()
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with closing(Spool(tmp_path / "spool", 1 << 20)) as spool:
        yield spool


def test_oldest_first_from_memory_and_disk(spool: Spool) -> None:
    spans = [{A: (i, i + 1), B: (2 * i, 2 * i + 5)} for i in range(5)]
    sizes = [_put(spool, i, span).size_bytes for i, span in enumerate(spans)]
    assert spool.state() == SpoolState(batches=5, spilled=3, alerts=18, size_bytes=sum(sizes))
    assert _spans_waiting(spool) == spans
    assert spool.state() == SpoolState(batches=0, spilled=0, alerts=0, size_bytes=0)
    assert [path for folder in ("packs", "waiting") for path in (spool.packs.parent / folder).iterdir()] == []


def test_a_batch_stays_until_it_is_done(spool: Spool) -> None:
    _put(spool, 0, {A: (0, 1)})
    first = spool.peek()
    assert first is not None
    assert spool.peek() is first
    assert first.pack is not None
    assert first.pack.path.exists()
    spool.done()
    assert not first.pack.path.exists()
    with pytest.raises(ValueError, match="without peek"):
        spool.done()
    assert spool.peek() is None


def test_a_pack_that_went_to_the_blob_store(spool: Spool) -> None:
    waiting = _put(spool, 0, {A: (0, 1)})
    assert waiting.pack is not None
    waiting.pack.path.unlink()
    assert _spans_waiting(spool) == [{A: (0, 1)}]


def test_the_bound(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, 10_000)) as spool:
        huge = made_waiting({A: (0, 1)}, spool.packs / "0.pack", 20_000)
        assert spool.put(huge)
        small = made_waiting({A: (1, 2)}, spool.packs / "1.pack", 100)
        assert not spool.put(small)
        assert not spool.put(small, timeout_seconds=0.01)
        assert spool.state().batches == 1
        assert spool.peek() is huge
        spool.done()
        assert spool.put(small)


def test_waiting_for_room_and_for_a_batch(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, 10)) as spool:
        batches = [{A: (i, i + 1)} for i in range(20)]
        found: list[dict[Partition, Span]] = []

        def take() -> None:
            while len(found) < 20 and (waiting := spool.peek(timeout_seconds=3)):
                found.append(dict(waiting.spans))
                spool.done()

        taker = threading.Thread(target=take)
        taker.start()
        assert all(spool.put(made_waiting(spans, spool.packs / f"{i}.pack", 100), timeout_seconds=3) for i, spans in enumerate(batches))
        taker.join()
        assert found == batches


def test_partitions_that_went_to_another_node(spool: Spool) -> None:
    for i in range(4):
        _put(spool, i, {A: (i, i + 1), B: (i, i + 2)} if i < 3 else {A: (3, 4)})
    assert spool.peek() is not None
    spool.drop({A})
    assert spool.state().batches == 3
    assert not (spool.packs / "3.pack").exists()
    assert _spans_waiting(spool) == [{B: (i, i + 2)} for i in range(3)]


def test_the_batch_being_archived_keeps_its_files_when_dropped(spool: Spool) -> None:
    _put(spool, 0, {A: (0, 3)})
    _put(spool, 1, {A: (3, 5), B: (0, 1)})
    waiting = spool.peek()
    spool.drop({A})
    assert waiting is not None
    assert waiting.pack is not None
    assert waiting.pack.path.exists()
    assert spool.state().batches == 2
    following = spool.peek()
    assert following is not None
    assert dict(following.spans) == {B: (0, 1)}
    assert not waiting.pack.path.exists()
    spool.drop({B})
    spool.done()
    assert spool.state() == SpoolState(batches=0, spilled=0, alerts=0, size_bytes=0)


def test_all_forgotten(spool: Spool) -> None:
    for i in range(3):
        _put(spool, i, {A: (i, i + 1)})
    assert spool.peek() is not None
    (spool.packs / "of a batch that was not put.pack").touch()
    spool.clear()
    assert spool.state() == SpoolState(batches=0, spilled=0, alerts=0, size_bytes=0)
    assert {path.name for path in spool.packs.parent.rglob("*") if path.is_file()} == {"lock"}
    assert spool.peek() is None
    _put(spool, 5, {A: (0, 1)})
    assert _spans_waiting(spool) == [{A: (0, 1)}]


def test_messages_archived_already(spool: Spool) -> None:
    for i in range(4):
        _put(spool, i, {A: (10 * i, 10 * i + 10), B: (i, i + 1)})
    spool.trim({A: 14, B: 3, C: 5})
    assert _spans_waiting(spool) == [{A: (14, 20)}, {A: (20, 30)}, {A: (30, 40), B: (3, 4)}]


def test_a_batch_dropped_while_it_is_read_from_disk(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        _put(spool, i, {A if i < 3 else B: (i, i + 1)})
    for _ in range(2):
        spool.peek()
        spool.done()

    def read(spill: Spill) -> Waiting:
        spool.drop({A})
        return read_spill(spill)

    with monkeypatch.context() as patch:
        patch.setattr(_spool, "read_spill", read)
        waiting = spool.peek()
    assert waiting is not None
    assert dict(waiting.spans) == {B: (3, 4)}
    assert spool.state().batches == 1


@pytest.mark.parametrize("damage", ["flip", "short", "long", "gone"])
def test_a_damaged_file(spool: Spool, damage: str) -> None:
    for i in range(5):
        _put(spool, i, {A: (i, i + 1), B: (i, i + 1)})
    file = min((spool.packs.parent / "waiting").iterdir())
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    else:
        data[len(data) // 2] ^= damage == "flip"
        file.write_bytes(data[:-1] if damage == "short" else data + b"\0" * (damage == "long"))
    for _ in range(2):
        assert spool.peek() is not None
        spool.done()
    for _ in range(2):
        with pytest.raises(SpoolDamaged, match="must be read from Kafka again") as caught:
            spool.peek()
        assert caught.value.spans == {A: (2, 3), B: (2, 3)}
    spool.drop({A})
    with pytest.raises(SpoolDamaged) as found:
        spool.peek()
    assert found.value.spans == {B: (2, 3)}
    spool.drop({B})
    assert _spans_waiting(spool) == []
    assert _put(spool, 9, {A: (2, 5)}).spans == spool.peek().spans  # type: ignore[union-attr]


def test_a_full_disk(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(2):
        _put(spool, i, {A: (i, i + 1)})
    third = made_waiting({A: (2, 3)})
    with monkeypatch.context() as patch:
        patch.setattr(pa, "OSFile", _full_disk)
        with pytest.raises(UpstreamError, match=r"cannot write a waiting batch to .*No space left on device; make room"):
            spool.put(third)
    assert spool.state().batches == 2
    assert spool.put(third)
    assert _spans_waiting(spool) == [{A: (i, i + 1)} for i in range(3)]


def _full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_an_earlier_life_left_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "packs" / "20251230").mkdir(parents=True)
    (tmp_path / "packs" / "20251230" / "x.pack").touch()
    (tmp_path / "waiting").mkdir()
    (tmp_path / "waiting" / "000000001.arrow").touch()
    (tmp_path / "mine").touch()
    with closing(Spool(tmp_path, 1000)) as spool:
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["lock", "mine"]
        assert spool.peek() is None


def test_a_folder_is_for_one_node(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1000)
    waiting = _put(spool, 0, {A: (0, 1)}, 10)
    with pytest.raises(UserError, match="in use by another node; give each node its own"):
        Spool(tmp_path, 1000)
    assert waiting.pack is not None
    assert waiting.pack.path.exists()
    spool.close()
    assert not waiting.pack.path.exists()
    Spool(tmp_path, 1000).close()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UpstreamError, match=r"cannot use the folder .*file.*; set another data_dir"):
        Spool(tmp_path / "file", 1000)


@dataclass
class Model:
    """What the spool must hold of one batch."""

    spans: dict[Partition, Span]
    pack: Path
    size_bytes: int


class SpoolMachine(RuleBasedStateMachine):
    """Puts, takes, drops, trims and lives again, against a plain list."""

    @initialize(max_bytes=st.sampled_from([1, 20_000, 1 << 20]))
    def start(self, max_bytes: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.max_bytes = max_bytes
        self.made = 0
        self.next = dict.fromkeys(PARTITIONS, 0)
        self.live()

    def live(self) -> None:
        self.spool = Spool(Path(self.folder.name), self.max_bytes)
        self.waiting: list[Model] = []
        self.taken: Model | None = None

    @rule(counts=st.dictionaries(st.sampled_from(PARTITIONS), st.integers(1, 3), min_size=1), pack_bytes=st.integers(0, 10_000))
    def put(self, counts: dict[Partition, int], pack_bytes: int) -> None:
        spans = {partition: (self.next[partition], self.next[partition] + count) for partition, count in counts.items()}
        pack = self.spool.packs / f"{self.made}.pack"
        waiting = made_waiting(spans, pack, pack_bytes)
        size_bytes = waiting.size_bytes
        self.made += 1
        has_room = not self.waiting or sum(model.size_bytes for model in self.waiting) + size_bytes <= self.max_bytes
        assert self.spool.put(waiting) is has_room
        if has_room:
            self.waiting.append(Model(spans, pack, size_bytes))
            self.next |= {partition: span[1] for partition, span in spans.items()}
        else:
            pack.unlink()

    @rule()
    def peek(self) -> None:
        if self.taken is not None and not self.taken.spans:
            self.waiting.remove(self.taken)
        self.taken = self.waiting[0] if self.waiting else None
        found = self.spool.peek()
        assert (found is None) is (self.taken is None)
        if found is not None and self.taken is not None:
            assert dict(found.spans) == self.taken.spans
            assert contents(found) == expected(self.taken.spans)

    @precondition(lambda self: self.taken is not None)
    @rule()
    def done(self) -> None:
        self.spool.done()
        assert self.taken is not None
        self.waiting.remove(self.taken)
        self.taken = None

    @rule(partitions=st.sets(st.sampled_from(PARTITIONS), min_size=1))
    def drop(self, partitions: set[Partition]) -> None:
        self.spool.drop(partitions)
        for model in self.waiting:
            model.spans = {partition: span for partition, span in model.spans.items() if partition not in partitions}
        self.forget()

    @rule(data=st.data(), partition=st.sampled_from(PARTITIONS))
    def trim(self, data: st.DataObject, partition: Partition) -> None:
        mark = data.draw(st.integers(0, self.next[partition] + 1))
        self.spool.trim({partition: mark})
        for model in self.waiting:
            cut = {key: (max(first, mark), after) if key == partition else (first, after) for key, (first, after) in model.spans.items()}
            model.spans = {key: (first, after) for key, (first, after) in cut.items() if first < after}
        self.forget()

    @rule()
    def die_and_live_again(self) -> None:
        self.spool._lock.close()
        self.live()

    def forget(self) -> None:
        self.waiting = [model for model in self.waiting if model.spans or model is self.taken]

    @invariant()
    def holds(self) -> None:
        state = self.spool.state()
        assert (state.batches, state.size_bytes) == (len(self.waiting), sum(model.size_bytes for model in self.waiting))
        assert state.batches - state.spilled <= 2
        assert len(self.waiting) <= 1 or state.size_bytes <= self.max_bytes
        assert set(self.spool.packs.rglob("*.pack")) == {model.pack for model in self.waiting}
        spilled = {entry.spill.path for entry in self.spool._entries if entry.spill}
        assert set((Path(self.folder.name) / "waiting").rglob("*")) == spilled

    @override
    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            self.folder.cleanup()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=25, stateful_step_count=25)
