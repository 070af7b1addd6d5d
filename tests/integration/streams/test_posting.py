from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.errors import UpstreamError, UserError
from splanc.streams import addresses, posting
from splanc.streams.addresses import Forbidden, check_web
from splanc.streams.posting import Answer, Poster


@contextmanager
def machine(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A machine on loopback that serves its connections one after the other; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.02)
        over = threading.Event()

        def run() -> None:
            while not over.is_set():
                with suppress(OSError), listener.accept()[0] as connection:
                    connection.settimeout(30)
                    serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


def answering(answer: bytes, heard: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\nbody" not in request:
            request += connection.recv(65536)
        if heard is not None:
            heard.append(request)
        connection.sendall(answer)

    return serve


def post(port: int, *, name: str = "127.0.0.1", timeout_seconds: float = 30.0, scheme: str = "http", allow_private: bool = True) -> Answer:
    poster = Poster(timeout_seconds=timeout_seconds, allow_private=allow_private)
    return poster.post(f"{scheme}://{name}:{port}/hook?x=1", b"body", {"Content-Type": "text/plain"})


def named(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let a name mean other numbers each time it is asked; return what is asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look(host: str, port: int, *how: int, **more: int) -> list:
        if host.replace(".", "").isdecimal() and host.count(".") == 3:
            return real(host, port, *how, **more)
        asked.append(host)
        return [place for number in answers[min(len(asked), len(answers)) - 1] for place in real(number, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", look)
    return asked


def test_what_is_sent_and_what_is_answered() -> None:
    heard: list[bytes] = []
    answer = b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 12\r\n\r\nnot\x1b \r\n now!"
    with machine(answering(answer, heard)) as port:
        assert post(port) == Answer(status=429, text="not now!", retry_seconds=7.0)
    lines = heard[0].split(b"\r\n")
    assert lines[0] == b"POST /hook?x=1 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{port}".encode(), b"Content-Type: text/plain", b"Content-Length: 4"} <= set(lines)


@pytest.mark.parametrize(("status", "taken"), [(200, True), (204, True), (302, False), (404, False), (500, False)])
def test_redirects_are_not_followed_and_taken_means_taken(status: int, taken: bool) -> None:
    heard: list[bytes] = []
    with machine(answering(b"HTTP/1.1 %d x\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n" % status, heard)) as port:
        assert post(port).taken is taken
    assert len(heard) == 1


def test_the_number_that_was_looked_at_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is asked once: what it means a moment later is of no interest."""
    heard: list[bytes] = []
    with machine(answering(b"HTTP/1.1 200 ok\r\nContent-Length: 0\r\n\r\n", heard)) as port:
        asked = named(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        assert post(port, name="example.org").taken
    assert asked == ["example.org"]
    assert f"Host: example.org:{port}".encode() in heard[0]


def test_a_hidden_machine_is_not_even_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    with machine(answering(b"HTTP/1.1 200 ok\r\n\r\n", heard)) as port:
        named(monkeypatch, ["8.8.8.8", "127.0.0.1"])
        with pytest.raises(Forbidden, match=r"example\.org is 127\.0\.0\.1"):
            post(port, name="example.org", allow_private=False)
    assert heard == []


def test_the_next_number_is_tried_when_nobody_listens_at_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine(answering(b"HTTP/1.1 200 ok\r\nContent-Length: 0\r\n\r\n")) as port:
        named(monkeypatch, ["127.0.0.2", "127.0.0.1"])
        assert post(port, name="example.org").taken


def dripping(head: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    return serve


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 ok\r\nX: ", b"HTTP/1.1 200 ok\r\nContent-Length: 400000\r\n\r\n"])
def test_a_slow_answer_ends_with_its_time(head: bytes) -> None:
    began = time.monotonic()
    with machine(dripping(head)) as port, pytest.raises(UpstreamError, match="no answer"):
        post(port, timeout_seconds=0.3)
    assert time.monotonic() - began < 10  # no answer ever ends by itself


def test_an_endless_answer_is_not_read() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")

    with machine(serve) as port:
        answer = post(port)
    assert (answer.taken, len(answer.text)) == (True, 200)


def test_a_connection_that_breaks_or_talks_nonsense_is_no_answer() -> None:
    for serve in (lambda connection: connection.shutdown(2), answering(b"what?\r\n\r\n")):
        with machine(serve) as port, pytest.raises(UpstreamError, match="no answer"):
            post(port)
    with pytest.raises(UpstreamError, match="no answer"):
        post(port, timeout_seconds=0.5)


def test_certificates_are_those_of_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=example.org"]
    files = ["-addext", "subjectAltName=DNS:example.org", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"]
    subprocess.run([*made, *files], check=True, capture_output=True)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    plain = answering(b"HTTP/1.1 200 ok\r\nContent-Length: 0\r\n\r\n")

    def serve(connection: socket.socket) -> None:
        with theirs.wrap_socket(connection, server_side=True) as secure:
            plain(secure)

    with machine(serve) as port:
        named(monkeypatch, ["127.0.0.1"])
        with pytest.raises(UpstreamError, match="CERTIFICATE_VERIFY_FAILED"):
            post(port, name="example.org", scheme="https")
        monkeypatch.setattr(posting, "_tls", lambda: trusting)
        assert post(port, name="example.org", scheme="https").taken
        with pytest.raises(UpstreamError, match="CERTIFICATE_VERIFY_FAILED"):
            post(port, name="host", scheme="https")


@given(rest=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30), scheme=st.sampled_from(["http", "https", "HTTP"]))
def test_every_address_that_is_taken_is_answered_or_not(rest: str, scheme: str) -> None:
    """No address of a user's makes an error that delivery does not know."""
    address = f"{scheme}://{rest}"
    try:
        check_web(address)
    except UserError:
        return
    with pytest.MonkeyPatch.context() as monkeypatch:
        named(monkeypatch, ["127.0.0.1"])
        with pytest.raises(UpstreamError):
            Poster(timeout_seconds=1.0, allow_private=False).post(address, b"", {})
