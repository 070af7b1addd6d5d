"""The files that the embedded broker starts from: its properties, its logging, and a formatted log folder."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..config import KafkaSettings
from ._users import users_properties

_MAX_MESSAGE_BYTES = 16 << 20
"""Largest message that the embedded broker takes: a 10 MiB packet with room to spare, bytes."""

_LOG_BYTES = 8 << 20
"""The broker's own log is rotated at this size, bytes …"""

_LOG_FILES = 3
"""… and this many files of it are kept."""

_NODE_ID = 1
"""The only broker of its cluster."""

_OFFSETS_RETENTION_MINUTES = 365 * 24 * 60
"""How long an idle group's offsets are kept: the default week would make nodes that rested longer publish all again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFiles:
    """Where the embedded broker keeps what it has.

    Parameters
    ----------
    folder : `kafka/` in the data directory.
    """

    folder: Path

    @property
    def properties(self) -> Path:
        """Settings of the broker, written anew at each start."""
        return self.folder / "server.properties"

    @property
    def logging(self) -> Path:
        """Settings of the broker's log, written anew at each start."""
        return self.folder / "logging.properties"

    @property
    def data(self) -> Path:
        """The topics."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The broker's log, newest file."""
        return self.folder / "broker.0.log"

    @property
    def output(self) -> Path:
        """What the Java process itself writes."""
        return self.folder / "broker.out"

    @property
    def state(self) -> Path:
        """Process id, ports and manner of the running broker, JSON."""
        return self.folder / "broker.pid"

    @property
    def lock(self) -> Path:
        """Locked while a broker is started or stopped."""
        return self.folder / "broker.lock"


def write_files(files: BrokerFiles, kafka: KafkaSettings) -> None:
    """Write what the broker starts from; a formatted log folder is left as it is.

    Parameters
    ----------
    kafka : if the broker has users, with the credentials of splanc's own clients.
    """
    files.folder.mkdir(parents=True, exist_ok=True)
    users = users_properties(kafka) if kafka.public_port is not None else {}
    files.properties.touch()
    files.properties.chmod(0o600)  # before it holds a password
    files.properties.write_text(_lines({**_properties(files.data, kafka.port), **users}))
    files.logging.write_text(_lines(_logging(files.folder)))
    _format(files.data)


def _lines(values: dict[str, object]) -> str:
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _properties(data: Path, port: int) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": _NODE_ID,
        "controller.quorum.voters": f"{_NODE_ID}@127.0.0.1:{port + 1}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "message.max.bytes": _MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": _MAX_MESSAGE_BYTES,
        "log.segment.bytes": 256 << 20,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "num.io.threads": 4,
        "offsets.topic.num.partitions": 8,
        "offsets.topic.replication.factor": 1,
        "offsets.retention.minutes": _OFFSETS_RETENTION_MINUTES,
        "transaction.state.log.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
    }


def _logging(folder: Path) -> dict[str, object]:
    handler = "java.util.logging.FileHandler"
    pattern = str(folder).replace("%", "%%") + "/broker.%g.log"
    return {
        "handlers": handler,
        ".level": "WARNING",
        f"{handler}.pattern": pattern,
        f"{handler}.limit": _LOG_BYTES,
        f"{handler}.count": _LOG_FILES,
        f"{handler}.append": "false",
        f"{handler}.formatter": "java.util.logging.SimpleFormatter",
        "java.util.logging.SimpleFormatter.format": "%1$tFT%1$tT.%1$tL%1$tz %4$s %3$s %5$s%6$s%n",
    }


def _format(data: Path) -> None:
    """Format the log folder as Kafka's StorageTool does, without the seconds of a second Java process."""
    meta = data / "meta.properties"
    if meta.exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    checkpoint = resources.files(__package__).joinpath("bootstrap.checkpoint").read_bytes()
    (data / "bootstrap.checkpoint").write_bytes(checkpoint)
    meta.write_text(_lines({"version": 1, "cluster.id": _new_id(), "node.id": _NODE_ID, "directory.id": _new_id()}))


def _new_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
