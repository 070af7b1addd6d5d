"""Where matches are delivered: what a filter's target says, and which machines a webhook may reach.

A user's address is a request of ours to a machine of their choice, so that it must not reach machines that only we can reach.
What counts is the number that is connected to, not the name: names may mean anything, and mean something else a moment later.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from ..errors import UpstreamError, UserError
from ..filters.definition import Output

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
"""A machine's number."""

CUTOUTS, SLACK = "cutouts", "slack"
"""The words that may follow the address in a target: of a digest, of a webhook."""

_SLACK_HOST = "hooks.slack.com"
"""The host whose webhooks take Slack's form without being told to."""

_ATOM, _LABEL = r"[\w!#$%&'*+/=?^`{|}~-]+", r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"

_MAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*", re.ASCII | re.IGNORECASE)
"""One address as users have them: no quotes, comments, lists or line ends, which could say more than one address to a mail server."""

_MAIL_LENGTH = 254
"""Longest address of a mail, characters (RFC 5321)."""

_WEB_LENGTH = 2000
"""Longest address of a webhook, characters."""

_CARRIERS = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("::/96"))
"""IPv6 networks whose numbers end with the IPv4 number that a gateway forwards to."""

_UNICAST = ipaddress.ip_network("2000::/3")
"""The numbers of IPv6 that the open internet uses (RFC 4291)."""


class Forbidden(UpstreamError):
    """A webhook's name means a machine that webhooks may not reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a filter's `target` says.

    Parameters
    ----------
    address : of mail, or of the web.
    cutouts : whether a digest shows cutouts.
    slack : whether a webhook takes Slack's form.
    told : address of mail of who is told when a webhook fails; empty if nobody is.
    """

    address: str
    cutouts: bool = False
    slack: bool = False
    told: str = ""


def target_of(output: Output, text: str) -> Target:
    """Return what the target of a digest or a webhook says: an address, then words.

    >>> target_of(Output.digest, "ann@example.org cutouts")
    Target(address='ann@example.org', cutouts=True, slack=False, told='')

    Raises
    ------
    UserError
        If it is no address, or a word means nothing.
    """
    address, *words = text.split() or [""]
    if output is Output.digest:
        check_mail(address)
        _check_words(text, [word for word in words if word.lower() != CUTOUTS], f"the word `{CUTOUTS}`")
        return Target(address=address, cutouts=bool(words))
    check_web(address)
    told = mail_in(text)
    _check_words(text, [word for word in words if word.lower() != SLACK and word != told], f"the word `{SLACK}`, and an address of mail")
    is_slack = any(word.lower() == SLACK for word in words) or urlsplit(address).hostname == _SLACK_HOST
    return Target(address=address, slack=is_slack, told=told)


def mail_in(text: str) -> str:
    """Return the address of mail in the target of any filter; empty if there is none."""
    return next((word for word in text.split() if len(word) <= _MAIL_LENGTH and _MAIL.fullmatch(word)), "")


def check_mail(address: str) -> None:
    """Refuse what is not exactly one plain address of mail.

    Raises
    ------
    UserError
        If it is not.
    """
    if len(address) > _MAIL_LENGTH or not _MAIL.fullmatch(address):
        raise UserError(f"{address[:_MAIL_LENGTH]!r} is no address of mail; give one such as ann@example.org")


def check_web(address: str) -> None:
    """Refuse what is not an address of the web that a webhook may have; which machine it means is seen when it is used.

    Raises
    ------
    UserError
        If it is not.
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and parts.username is None and parts.password is None
    except ValueError:
        usable = False
    if not usable or not address.isascii() or not address.isprintable() or " " in address or "\\" in address or len(address) > _WEB_LENGTH:
        raise UserError(f"{address[:_WEB_LENGTH]!r} is no address of a webhook; give one such as https://example.org/hook, without a user name")


def _check_words(text: str, unknown: Sequence[str], allowed: str) -> None:
    if unknown:
        raise UserError(f"the target {text!r} may hold, behind its address, {allowed}; {unknown[0]!r} means nothing")


def is_public(number: str) -> bool:
    """Return whether a machine's number is one of the open internet: not private, local, reserved, or for many.

    A number of IPv6 that carries one of IPv4 is as public as that one is.
    """
    address = ipaddress.ip_address(number)
    carried = _carried(address)
    return all(one.is_global and not one.is_multicast and not one.is_reserved and (one.version == 4 or one in _UNICAST) for one in carried or [address])


def resolve(host: str, port: int, *, allow_private: bool) -> Sequence[str]:
    """Return the numbers that a host's name means now; a name of which one means a forbidden machine means none.

    Raises
    ------
    Forbidden
        If a number is not public and private ones are not allowed.
    UpstreamError
        If the name means nothing.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UpstreamError(f"the name {host} is not known: {error}") from error
    numbers = list(dict.fromkeys(str(place[0]) for *_kind, place in found))
    if not allow_private and (hidden := [number for number in numbers if not is_public(number)]):
        raise Forbidden(f"{host} is {hidden[0]}, which is not a machine of the open internet; webhooks may not reach it (deliver.allow_private)")
    return numbers


def _carried(address: IP) -> list[IP]:
    """Return the IPv4 numbers that one of IPv6 stands for or is forwarded to; none for others."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] if any(address in network for network in _CARRIERS) else []
