"""Handing mails to a mail server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage

from ..config import MailSettings
from ..errors import UpstreamError, UserError
from .addresses import check_mail

_TOO_LARGE = 552
"""A server's answer to a mail that is larger than it takes (RFC 5321, RFC 1870)."""

_SMALLEST_BYTES = 50_000
"""A server that refuses even so small a mail as too large refuses it for another reason."""


class MailAway(UpstreamError):
    """The mail server cannot be reached, or takes nothing now: no mail can be sent, to whomever."""


class MailRefused(UpstreamError):
    """The mail server does not take a mail to this address; others may go."""


class MailServer:
    """A mail server, as it is configured; each mail has a connection of its own.

    Raises
    ------
    UserError
        If the configuration names no server, or no sender.
    """

    def __init__(self, mail: MailSettings) -> None:
        if mail.host is None or mail.sender is None:
            raise UserError("mails need mail.host and mail.sender in the configuration")
        check_mail(mail.sender)
        self._mail = mail
        self._host = mail.host
        self.sender = mail.sender

    def send(self, compose: Callable[[int], EmailMessage]) -> None:
        """Have a mail taken by the server: when this returns it was.

        Parameters
        ----------
        compose : makes the mail, given the most bytes that it may have; asked again for a smaller one if the server says that it is too large.

        Raises
        ------
        MailAway, MailRefused
            If it was not taken, or the server did not say; send it again later.
        """
        max_bytes = self._mail.max_bytes
        while True:
            try:
                return self._send(compose, max_bytes)
            except _TooLarge as error:
                max_bytes //= 2
                if max_bytes < _SMALLEST_BYTES:
                    raise MailRefused(f"the mail server takes no mail of {2 * max_bytes} bytes: {error}") from error

    def _send(self, compose: Callable[[int], EmailMessage], max_bytes: int) -> None:
        try:
            with self._connection() as server:
                size = server.esmtp_features.get("size", "")
                limit = int(size) if size.isdigit() and int(size) else max_bytes
                server.send_message(compose(min(max_bytes, limit)))
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
            code, text = _said(error)
            if code == _TOO_LARGE:
                raise _TooLarge(text) from error
            raise MailRefused(f"the mail server {self._host} says {code} {text}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailAway(f"the mail server {self._host}:{self._port}: {str(error) or type(error).__name__} (section mail of the configuration)") from error

    @property
    def _port(self) -> int:
        return self._mail.port or {"none": 25, "starttls": 587, "ssl": 465}[self._mail.security]

    def _connection(self) -> smtplib.SMTP:
        mail = self._mail
        if mail.security == "ssl":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=mail.timeout_seconds, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=mail.timeout_seconds)
        try:
            if mail.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if mail.username is not None:
                server.login(mail.username, mail.password.get_secret_value() if mail.password else "")
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server


class _TooLarge(UpstreamError):
    """The server takes smaller mails only."""


def _said(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> tuple[int, str]:
    code, text = next(iter(error.recipients.values())) if isinstance(error, smtplib.SMTPRecipientsRefused) else (error.smtp_code, error.smtp_error)
    return code, text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
