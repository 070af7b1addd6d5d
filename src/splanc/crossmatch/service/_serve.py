"""Running a classifier server until it is told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pyarrow as pa
import structlog
import uvicorn
from fastapi import FastAPI

from ...errors import UserError
from ...metrics import Metrics
from ._cached import CachedClassifier
from ._flight import FlightServer
from ._http import PlacesOf, http_app
from ._wire import Health

_log = structlog.get_logger()

_STOP_SECONDS = 5
"""After SIGTERM, people's requests that are being answered have so long."""


def serve(classifier: CachedClassifier, health: Health, metrics: Metrics, *, host: str, port: int, http_port: int | None, places_of: PlacesOf) -> None:
    """Serve a classifier until SIGTERM or SIGINT.

    Parameters
    ----------
    classifier : what answers.
    health : what the server says of itself.
    metrics : of the classifier.
    host, port : where nodes ask, by Arrow Flight; port 0: any that is free, which the log tells.
    http_port : where people ask, by HTTP; None: nowhere.
    places_of : where objects were seen last, for people who ask by name.

    Raises
    ------
    UserError
        If a port cannot be listened on.
    """
    stop = threading.Event()

    def told(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    app = None if http_port is None else http_app(classifier, health, metrics, places_of)
    with _http(app, host, http_port or 0) as http_listens, _flight(classifier, health, host, port) as listens:
        _log.info("classifier server started", flight=listens, http=http_listens, version=health.version, catalogues=dict(health.catalogues))
        stop.wait()
    classifier.close()
    _log.info("classifier server stopped")


@contextmanager
def _flight(classifier: CachedClassifier, health: Health, host: str, port: int) -> Iterator[str]:
    """Serve nodes as long as this is open; yield the address. What is being answered at the end is answered."""
    try:
        server = FlightServer(classifier, health, host, port)
    except pa.ArrowException as error:
        raise UserError(f"cannot listen on {host}:{port} for Arrow Flight; it may be in use: give another --port or --host") from error
    try:
        yield f"{host}:{server.port}"
    finally:
        server.shutdown()


@contextmanager
def _http(app: FastAPI | None, host: str, port: int) -> Iterator[str | None]:
    """Serve people as long as this is open; yield the address."""
    if app is None:
        yield None
        return
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port} for HTTP ({error.strerror}); give another --http-port or --host") from error
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_STOP_SECONDS)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="http")
    thread.start()
    try:
        yield f"{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
