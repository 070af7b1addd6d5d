"""A real S3 server for tests, one a session, and a link to it that fails to order."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.support.kafka import free_port

KEY = "testkey1"
SECRET = "testsecretkey1"
BUCKET = "bucket"

_IDENTITIES = f"""{{"identities": [{{"name": "test", "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}],
                                     "actions": ["Admin", "Read", "Write", "List", "Tagging"]}}]}}"""

_PORTS = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")

_START_SECONDS = 60


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of an S3 server on this machine that has an empty bucket, `BUCKET`, for `KEY` with `SECRET`."""
    with tempfile.TemporaryDirectory(prefix="splanc-s3-") as name:
        folder = Path(name)
        (folder / "identities.json").write_text(_IDENTITIES)
        (folder / "data").mkdir()
        ports = {name: free_port() for name in _PORTS}
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(_command(folder, ports), cwd=folder, stdout=log, stderr=log, env={**os.environ, "HOME": name, "TMPDIR": name})
        try:
            _await_bucket(server, ports["s3.port"], folder / "log")
            yield ports["s3.port"]
        finally:
            server.kill()
            server.wait()


def settings_of(port: int, **other: str) -> dict[str, str]:
    """What a `BlobStore` needs to use the server, with some of it changed."""
    return {"endpoint": f"http://127.0.0.1:{port}", "region": "us-east-1", "access_key_id": KEY, "secret_access_key": SECRET} | other


@dataclass
class Faults:
    """What is wrong with a link: seconds that each piece of data takes, bytes after which it is cut, answers of 503."""

    piece_seconds: float = 0.0
    cut_after_bytes: int | None = None
    unavailable: bool = False


class Link:
    """A port of this machine that leads to another one, and can be closed and opened again."""

    def __init__(self, to_port: int) -> None:
        self.faults = Faults()
        self.requests: list[bytes] = []
        self._to_port = to_port
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._sockets: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._start(self._accept, self._listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        for thread in self._threads:
            thread.join(5)

    def close(self) -> None:
        """Refuse connections, and cut those that there are."""
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def open(self) -> None:
        """Take connections again, on the same port."""
        self._sockets.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._accept, self._listener)

    def _start(self, target: object, *arguments: object) -> None:
        thread = Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._sockets.add(client)
                if self.faults.unavailable:
                    self._start(self._refuse, client)
                    continue
                server = socket.create_connection(("127.0.0.1", self._to_port))
                self._sockets.add(server)
                self._start(self._pump, client, server)
                self._start(self._pump, server, client)

    def _refuse(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.recv(1 << 16)
            client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if data.startswith((b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE ")):
                    self.requests.append(data)
                time.sleep(self.faults.piece_seconds)
                passed += len(data)
                if self.faults.cut_after_bytes is not None and passed > self.faults.cut_after_bytes:
                    break
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def s3_link(s3_port: int) -> Iterator[Link]:
    """A link to the S3 server."""
    with Link(s3_port) as link:
        yield link


def _command(folder: Path, ports: dict[str, int]) -> list[str]:
    quiet = ["-master.telemetry=false", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    small = ["-master.volumeSizeLimitMB=64", "-volume.max=8"]
    places = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}", "-s3", f"-s3.config={folder / 'identities.json'}"]
    return [str(Path(sys.executable).with_name("weed")), "server", *places, *quiet, *small, *(f"-{name}={port}" for name, port in ports.items())]


def _await_bucket(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the server takes an object, which makes the bucket."""
    store = S3Store(BUCKET, config=settings_of(port), client_options={"allow_http": True}, retry_config={"max_retries": 0})  # type: ignore[arg-type]
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            obstore.put(store, "first", b"x")
            obstore.delete(store, "first")
            return
        except (BaseError, OSError) as error:
            if time.monotonic() > deadline or server.poll() is not None:
                raise AssertionError(f"the S3 server did not start: {error}\n{log.read_text()[-3000:]}") from error
            time.sleep(0.2)
