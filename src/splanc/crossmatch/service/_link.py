"""One classifier server, as a node knows it."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import structlog
from pyarrow import flight

from ...errors import UpstreamError, first_line
from ._wire import Health, check_answer, health_in, version_of

_log = structlog.get_logger()

_LOOK_SECONDS = 2.0
"""How often a server is looked at that answers, seconds: so soon a node knows that it has another version now."""

_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 1.0, 30.0
"""How long a server is left alone that failed or was late, seconds; twice as long each time, and at most so long."""

_CHANNEL = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 1000)]
"""gRPC would wait two minutes before it connects again, and share what it knows with later clients of the same address."""


class Link:
    """A server, and whether it is to be asked.

    Parameters
    ----------
    address : `host:port`.
    timeout_seconds : it has failed a look, or is late with an answer, after so long.
    patience_seconds : longest time of a question.
    """

    def __init__(self, address: str, *, timeout_seconds: float, patience_seconds: float) -> None:
        self.address = address
        self.version = ""
        self.answers = False
        self._client = flight.FlightClient(f"grpc://{address}", generic_options=_CHANNEL)
        self._timeout = flight.FlightCallOptions(timeout=timeout_seconds)
        self._patience = flight.FlightCallOptions(timeout=patience_seconds)
        self._lock = threading.Lock()
        self._failures = 0
        self._look_at = self._rested_at = 0.0

    @property
    def rests(self) -> bool:
        """Whether it was late a moment ago, and is asked only if there is no other."""
        return time.monotonic() < self._rested_at

    def look_is_due(self) -> bool:
        """Return whether it is time to look at it; who is told so looks."""
        with self._lock:
            due = time.monotonic() >= self._look_at
            if due:
                self._look_at = time.monotonic() + _LOOK_SECONDS
            return due

    def look(self) -> Health | None:
        """Ask what it is; None if it does not say so in time."""
        try:
            (result,) = self._client.do_action("health", self._timeout)
            health = health_in(result.body.to_pybytes())
        except (pa.ArrowException, flight.FlightError, ValueError, KeyError) as error:
            self.fail(error)
            return None
        with self._lock:
            if not self.answers or self.version != health.version:
                _log.info("classifier server", server=self.address, version=health.version, software=health.software)
            self.answers, self.version = True, health.version
        return health

    def ask(self, command: bytes, question: pa.Table) -> pa.Table:
        """Return its answer to a question.

        Raises
        ------
        UpstreamError
            If it does not answer, or cannot.
        """
        try:
            writer, reader = self._client.do_exchange(flight.FlightDescriptor.for_command(command), self._patience)
            with writer:
                writer.begin(question.schema)
                writer.write_table(question)
                writer.done_writing()
                table = reader.read_all()
            check_answer(table, question.num_rows)
        except (pa.ArrowException, flight.FlightError, OSError, ValueError) as error:
            self.fail(error)
            raise UpstreamError(f"the classifier server {self.address} cannot answer: {first_line(error)}") from error
        self.version = version_of(table)
        return table

    def praise(self) -> None:
        """Note that it answered in time."""
        self._failures = 0

    def rest(self) -> None:
        """Note that it is late: for a while it is asked only if there is no other, and at once whether it is there at all."""
        with self._lock:
            self._rested_at = time.monotonic() + self._backoff()
            self._look_at = 0.0

    def fail(self, error: Exception) -> None:
        """Note that it is not there, or fails: for a while it is not asked."""
        with self._lock:
            if self.answers:
                _log.warning("classifier server away", server=self.address, why=first_line(error), then="others answer for its part of the sky")
            self.answers = False
            self._look_at = time.monotonic() + self._backoff()

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def _backoff(self) -> float:
        seconds = min(_BACKOFF_SECONDS * 2.0**self._failures, _LONGEST_BACKOFF_SECONDS)
        self._failures += 1
        return seconds
