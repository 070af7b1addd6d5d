"""Every crash point of a node, and every moment at which another takes over: nothing lost, nothing twice, nothing stuck."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from splanc.kafka import Fenced
from tests.unit.ingest.world import Crash, SimulatedNode, World

Start = Callable[[World], SimulatedNode]

pytestmark = pytest.mark.usefixtures("no_power_cuts")

OPTIONS = {"length": 3, "partitions": 2, "chunk": 1}

STEPS = 60
"""Enough for any node that makes progress to finish the small logs of these tests."""


@pytest.fixture
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that crashes leaves its pages to the kernel."""
    monkeypatch.setattr(os, "fsync", lambda _file: None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start nodes, each with a folder of its own."""
    nodes = []
    numbers = count()

    def make(world: World) -> SimulatedNode:
        nodes.append(SimulatedNode(world, f"node-{next(numbers)}", tmp_path))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


def finish(world: World, node: SimulatedNode) -> None:
    for _ in range(STEPS):
        if world.done():
            node.check_rows()
            return
        node.step()
        world.check()
    raise AssertionError(f"stuck: published {world.committed}, archived {world.marks}")


def ticks_of_a_quiet_run(start: Start) -> int:
    world = World(**OPTIONS)
    node = start(world)
    node.take_over()
    finish(world, node)
    return world.ticks


def test_a_quiet_night_is_done_once(start: Start) -> None:
    world = World(**OPTIONS)
    node = start(world)
    node.take_over()
    finish(world, node)
    assert sum(world.published.values()) == sum(world.archived.values()) == 6


def crash_at(start: Start, crashes: set[int]) -> None:
    """Run a night with crashes at these ticks, each followed by a new life of the node, and assert that it is done."""
    world = World(**OPTIONS)

    def crash(tick: int) -> None:
        if tick in crashes:
            raise Crash

    world.at_tick = crash
    for _ in range(len(crashes) + 1):
        node = start(world)
        node.take_over()
        try:
            finish(world, node)
            break
        except Crash:
            world.check()
            node.check_rows()
    assert world.done(), crashes


def test_a_crash_at_every_boundary(start: Start) -> None:
    ticks = ticks_of_a_quiet_run(start)
    assert ticks > 10
    for tick in range(1, ticks + 1):
        crash_at(start, {tick})


def settle(world: World, node: SimulatedNode) -> None:
    """Let uploads go on until nothing waits on any disk, also not on that of nodes that are gone."""
    for _ in range(STEPS):
        node.uploader.upload_all()
        world.check_packs()
        if not list(node.local.folder.parent.rglob("*.pack")):
            return
    raise AssertionError(f"stuck: {list(node.local.folder.parent.rglob('*.pack'))}")


def test_a_crash_at_every_boundary_leaves_each_pack_in_the_store_or_nowhere(start: Start) -> None:
    for crash in range(1, 40):
        world = World(**OPTIONS)

        def fall(tick: int, crash: int = crash) -> None:
            if tick == crash:
                raise Crash

        world.at_tick = fall
        for _ in range(2):
            node = start(world)
            node.take_over()
            try:
                for _ in range(3):
                    node.step()
                    node.uploader.upload_all()
                    world.check()
            except Crash:
                world.check()
                node.local.close()
        finish(world, node)
        settle(world, node)
        world.check()
        assert {blob.name for blob in world.blobs.list()} == set(world.packs)
        assert all(world.packs.values())
        node.close()


def test_a_take_over_at_every_boundary_with_the_old_node_going_on(start: Start) -> None:
    ticks = ticks_of_a_quiet_run(start)
    for moment in range(1, ticks + 1):
        for ahead in range(4):
            world = World(**OPTIONS)
            old, new = (start(world), start(world))
            old.take_over()

            def take_over(tick: int, moment: int = moment, ahead: int = ahead, world: World = world, new: SimulatedNode = new) -> None:
                if tick == moment:
                    world.at_tick = lambda _tick: None
                    new.take_over()
                    for _ in range(ahead):
                        new.step()
                    world.check()

            world.at_tick = take_over
            for _ in range(STEPS):
                try:
                    old.step()
                except Fenced:
                    break
                world.check()
            finish(world, new)


@pytest.mark.parametrize("moment", range(1, 12))
def test_the_archive_is_away_for_a_while_and_the_stream_goes_on(start: Start, moment: int) -> None:
    world = World(length=6, partitions=2, chunk=1)
    node = start(world)

    def go_down(tick: int) -> None:
        if tick == moment:
            world.archive_up = False

    world.at_tick = go_down
    node.take_over()
    for _ in range(STEPS):
        node.step()
        world.check()
    assert all(world.committed[p] == 6 for p in world.log)
    world.archive_up = True
    finish(world, node)


def test_a_rebalance_while_the_archive_is_away_loses_nothing(start: Start) -> None:
    world = World(length=6, partitions=2, chunk=1)
    first, second = start(world), start(world)
    first.take_over()
    first.step()
    first.step()
    world.archive_up = False
    first.step()
    second.take_over()
    for _ in range(STEPS):
        second.step()
    assert all(world.committed[p] == 6 for p in world.log)
    assert any(world.marks.get(p, 0) < 6 for p in world.log)
    world.archive_up = True
    finish(world, second)


def test_refused_output_holds_back_the_stream_and_nothing_else(start: Start) -> None:
    world = World(length=4, partitions=2, chunk=2, refused=3)
    node = start(world)
    node.take_over()
    finish(world, node)
