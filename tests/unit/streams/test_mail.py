from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from splanc.config import MailSettings
from splanc.errors import UserError
from splanc.streams import mail as mail_module
from splanc.streams.mail import MailAway, MailRefused, MailServer
from tests.support.kafka import free_port


class Host:
    """Takes mails, or answers something else; counts the bytes of what it is offered."""

    def __init__(self, answer: Callable[[int], str] = lambda _size: "250 taken") -> None:
        self.answer = answer
        self.sizes: list[int] = []

    async def handle_DATA(self, _server, _session, envelope) -> str:
        self.sizes.append(len(envelope.content))
        return self.answer(len(envelope.content))

    async def handle_RCPT(self, _server, _session, envelope, address: str, _options) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 ok"


@contextmanager
def listening(host: Host, **more) -> Iterator[int]:
    port = free_port()
    controller = Controller(host, hostname="127.0.0.1", port=port, **more)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def server(port: int, **more) -> MailServer:
    return MailServer(MailSettings(**{"host": "127.0.0.1", "port": port, "sender": "splanc@example.org", "security": "none", "timeout_seconds": 2.0, **more}))


def mail_of(size: int, to: str = "ann@example.org") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "splanc@example.org", to
    mail.set_content("x" * 60 + "\n" if size == 0 else ("x" * 60 + "\n") * (size // 61))
    return mail


def test_a_mail_is_made_smaller_until_it_is_taken() -> None:
    host = Host(lambda size: "250 taken" if size < 200_000 else "552 too large")
    with listening(host, data_size_limit=None) as port:
        server(port, max_bytes=1_000_000).send(lambda max_bytes: mail_of(max_bytes - 1000))
    assert len(host.sizes) == 4
    assert host.sizes[-1] < 200_000


def test_a_server_that_says_its_bound_is_believed() -> None:
    host = Host()
    with listening(host, data_size_limit=100_000) as port:
        server(port).send(lambda max_bytes: mail_of(max_bytes - 5000))
    assert [size <= 100_000 for size in host.sizes] == [True]


def test_a_server_that_takes_no_mail_however_small_refuses() -> None:
    host = Host(lambda _size: "552 full")
    with listening(host) as port, pytest.raises(MailRefused, match="takes no mail of"):
        server(port, max_bytes=200_000).send(lambda _max_bytes: mail_of(0))
    assert len(host.sizes) == 3


def test_one_address_is_refused_or_all_are() -> None:
    with listening(Host(lambda _size: "451 later")) as port:
        with pytest.raises(MailRefused, match="550 no such user"):
            server(port).send(lambda _max_bytes: mail_of(0, "nobody@example.org"))
        with pytest.raises(MailRefused, match="451 later"):
            server(port).send(lambda _max_bytes: mail_of(0))
    with pytest.raises(MailAway, match=rf"127\.0\.0\.1:{port}"):
        server(port).send(lambda _max_bytes: mail_of(0))


def test_a_server_that_says_nothing_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(MailAway, match="timed out"):
        server(listener.getsockname()[1], timeout_seconds=0.2).send(lambda _max_bytes: mail_of(0))


def test_configurations_that_cannot_send_are_refused() -> None:
    for settings in (MailSettings(), MailSettings(host="h"), MailSettings(host="h", sender="no address")):
        with pytest.raises(UserError, match=r"mail\.sender|no address of mail"):
            MailServer(settings)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run([*made, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def test_secure_connections_are_checked_and_names_given(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    said: list[tuple[bytes, bytes]] = []

    def login(_server, _session, _envelope, _mechanism: str, data) -> AuthResult:
        said.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret", handled=False)

    def security(port: int, password: str = "secret") -> MailServer:
        return server(port, security="starttls", username="splanc", password=SecretStr(password))

    host = Host()
    with listening(host, tls_context=context, require_starttls=True, authenticator=login, auth_required=True) as port:
        with pytest.raises(MailAway, match="CERTIFICATE_VERIFY_FAILED"):
            security(port).send(lambda _max_bytes: mail_of(0))
        trusting = partial(ssl.create_default_context, cafile=str(certificate[0]))
        monkeypatch.setattr(mail_module.ssl, "create_default_context", trusting)
        security(port).send(lambda _max_bytes: mail_of(0))
        with pytest.raises(MailAway, match="535"):
            security(port, "wrong").send(lambda _max_bytes: mail_of(0))
    assert dict.fromkeys(said) == {(b"splanc", b"secret"): None, (b"splanc", b"wrong"): None}
    assert len(host.sizes) == 1
    with listening(host, ssl_context=context) as port:
        server(port, security="ssl").send(lambda _max_bytes: mail_of(0))
