"""Sending a webhook: one POST to a user's address, bounded in every way that the other side could stretch it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpcore2
from typing_extensions import override

from ..errors import UpstreamError
from .addresses import resolve

_ANSWER_BYTES = 4096
"""So much of an answer's text is read, bytes: it says why a webhook refused."""

_SHOWN = 200
"""So much of it is shown, characters."""

_OK = range(200, 300)
"""Answers that mean that the matches were taken; a redirect does not, and is not followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the other side of a webhook said.

    Parameters
    ----------
    text : the beginning of its answer, one line, printable.
    retry_seconds : how long it wishes to be left alone; 0 if it does not say.
    """

    status: int
    text: str
    retry_seconds: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether it took the matches."""
        return self.status in _OK


class Poster:
    """Sends POSTs to users' addresses.

    Parameters
    ----------
    timeout_seconds : of one POST as a whole, but for the look-up of its name.
    allow_private : whether machines that are not of the open internet may be reached.
    """

    def __init__(self, *, timeout_seconds: float, allow_private: bool) -> None:
        self._timeout_seconds = timeout_seconds
        self._allow_private = allow_private

    def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a POST and return the answer, whatever it is. Redirects are not followed, proxies not asked, cookies not kept.

        Raises
        ------
        Forbidden
            If the address means a machine that may not be reached.
        UpstreamError
            If there is no answer: the name is not known, nobody listens, the connection breaks, or the time is over.
        """
        deadline = time.monotonic() + self._timeout_seconds
        door = _Door(deadline, allow_private=self._allow_private)
        try:
            with (
                httpcore2.ConnectionPool(ssl_context=_tls(), network_backend=door) as pool,
                pool.stream("POST", address, headers=list(headers.items()), content=body) as response,
            ):
                return Answer(status=response.status, text=_beginning(response.iter_stream()), retry_seconds=_retry_seconds(response.headers))
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
            raise UpstreamError(f"no answer: {str(error) or type(error).__name__}") from error


class _Door(httpcore2.NetworkBackend):
    """Opens connections to numbers that were looked at, and to no others: between the look and the connection no name is asked again.

    Certificates and the header Host are still those of the name.
    """

    def __init__(self, deadline: float, *, allow_private: bool) -> None:
        self._deadline = deadline
        self._allow_private = allow_private
        self._backend = httpcore2.SyncBackend()

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        numbers = resolve(host, port, allow_private=self._allow_private)
        for number in numbers[:-1]:
            try:
                return self._connect(number, port)
            except httpcore2.ConnectError:
                continue  # an IPv6 number on a machine that has none, most often
        return self._connect(numbers[-1], port)

    def _connect(self, number: str, port: int) -> httpcore2.NetworkStream:
        return _Timed(self._backend.connect_tcp(number, port, timeout=_left(self._deadline)), self._deadline)


class _Timed(httpcore2.NetworkStream):
    """A connection that ends at its deadline, however slowly the other side goes on."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    @override
    def close(self) -> None:
        self._stream.close()

    @override
    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore2.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left(deadline: float) -> float:
    left_seconds = deadline - time.monotonic()
    if left_seconds <= 0:
        raise httpcore2.ReadTimeout("it took too long")
    return left_seconds


def _beginning(chunks: Iterable[bytes]) -> str:
    """Return the beginning of an answer as one printable line, and read no more of it."""
    content = b""
    for chunk in chunks:
        content += chunk
        if len(content) >= _ANSWER_BYTES:
            break
    line = " ".join(content[:_ANSWER_BYTES].decode("utf-8", "replace").split())
    return "".join(character for character in line if character.isprintable())[:_SHOWN]


def _retry_seconds(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """Return what the header Retry-After asks for in seconds; dates are not understood."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < _RETRY_DIGITS:
            return float(value)
    return 0.0


_RETRY_DIGITS = 7
"""Longer waits than a million seconds are no waits."""
