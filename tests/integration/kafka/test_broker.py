from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from splanc.config import Settings
from splanc.errors import UserError
from splanc.kafka import EmbeddedBroker, TopicSpec, end_offsets, ensure_topics
from splanc.packet import Partition
from tests.support.kafka import broker_settings, free_port

START = (
    "import sys; from splanc.config import Settings; from splanc.kafka import EmbeddedBroker; EmbeddedBroker(Settings.model_validate_json(sys.argv[1])).start()"
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """Yield settings of a broker that is not up; it is stopped afterwards."""
    settings = broker_settings(tmp_path)
    yield settings
    EmbeddedBroker(settings).stop()


def test_a_broker_lives_through_all_this(own: Settings) -> None:
    subprocess.run([sys.executable, "-c", START, own.model_dump_json()], check=True)
    broker = EmbeddedBroker(own)
    pid = broker.status().pid
    assert pid is not None, "it goes on when its starter has ended"

    assert not broker.start(), "a second start is a no-op"
    assert broker.status().pid == pid
    ensure_topics(own.kafka, {"kept": TopicSpec(partitions=2)})

    moved = own.model_copy(update={"kafka": own.kafka.model_copy(update={"port": free_port()})})
    with pytest.raises(UserError, match=f"runs on port {own.kafka.port}, but kafka.port is {moved.kafka.port}: run `splanc down` first"):
        EmbeddedBroker(moved).start()

    os.kill(pid, signal.SIGKILL)
    assert broker.start(), "killed by others, it is started again at once, though it was still there a moment ago"
    again = broker.status().pid
    assert again is not None
    assert again != pid

    os.kill(again, signal.SIGKILL)
    psutil.Process(again).wait(10)
    assert not broker.status().running, "its note is stale"

    assert EmbeddedBroker(moved).start(), "what it had is there again, on another port"
    assert end_offsets(moved.kafka, ["kept"]) == {Partition("kept", 0): 0, Partition("kept", 1): 0}
    assert EmbeddedBroker(moved).stop()
    assert not EmbeddedBroker(moved).stop()
    assert not broker.status().running


def test_a_quiet_broker_writes_no_log_but_its_activation(broker: Settings) -> None:
    folder = EmbeddedBroker(broker).status().folder
    assert (folder / "broker.out").read_text() == ""
    assert {path.name for path in folder.glob("broker.*.log")} == {"broker.0.log"}
