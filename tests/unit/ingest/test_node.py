from __future__ import annotations

from pathlib import Path

import pytest

from splanc.ingest import _node

from .world import SimulatedNode, World

SEARCHING = "looking for a topic that refuses records"


@pytest.fixture
def node(tmp_path: Path) -> SimulatedNode:
    world = World(length=4, partitions=2, chunk=2, refused=1)
    node = SimulatedNode(world, "n", tmp_path)
    node.take_over()
    return node


def test_a_node_reports_while_it_looks_for_a_topic_that_refuses(node: SimulatedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_node, "REPORT_SECONDS", 0.0)
    node.step()
    assert node.states == [SEARCHING] * 2
    node.step()
    assert node.states[2:] == ["running"]
    assert node.world.done()
    node.close()


def test_a_node_that_loses_its_partitions_meanwhile_looks_no_further(node: SimulatedNode) -> None:
    partitions = list(node.owned.partitions)
    publish = node.node._parts.publish_side.publish

    def revoked(*arguments: object) -> None:
        node.owned.remove(partitions[:1])
        publish(*arguments)  # type: ignore[arg-type]
        pytest.fail("went on")

    node.node._parts.publish_side.publish = revoked  # type: ignore[method-assign]
    node.step()
    assert (node.node._aborted, dict(node.world.published)) == (0, {})
    node.close()
