from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.errors import UpstreamError, UserError
from splanc.filters.definition import Output
from splanc.streams import addresses
from splanc.streams.addresses import Forbidden, Target, check_mail, check_web, is_public, mail_in, resolve, target_of

WEB = "http:" + "//"
"""In front of hosts that no file may name."""

HIDDEN = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "fc00::1", "fe80::1", "fe80::1%lo", "ff02::1", "2001:db8::1", "fec0::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]  # fmt: skip

PUBLIC = ["8.8.8.8", "193.0.14.129", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


def means(monkeypatch: pytest.MonkeyPatch, *numbers: str) -> None:
    """Let every name mean these numbers."""
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_a, **_k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in numbers])


@pytest.mark.parametrize("number", HIDDEN)
def test_numbers_that_only_we_can_reach_are_not_public(number: str) -> None:
    assert not is_public(number)


@pytest.mark.parametrize("number", PUBLIC)
def test_numbers_of_the_open_internet_are_public(number: str) -> None:
    assert is_public(number)


@given(number=st.ip_addresses(v=4))
def test_a_number_of_ipv6_is_no_more_public_than_the_one_it_carries(number) -> None:
    carried = int(number)
    for text in (f"::ffff:{number}", f"64:ff9b::{carried >> 16:x}:{carried & 0xFFFF:x}", f"2002:{carried >> 16:x}:{carried & 0xFFFF:x}::1"):
        assert is_public(text) == is_public(str(number))


@pytest.mark.parametrize("host", ["2130706433", "017700000001", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "localhost", "0", "::1", "::ffff:127.0.0.1"])
def test_however_a_host_is_spelt_its_number_counts(host: str) -> None:
    check_web(f"http://[{host}]/" if ":" in host else f"http://{host}/")
    with pytest.raises(Forbidden, match="not a machine of the open internet"):
        resolve(host, 80, allow_private=False)
    assert resolve(host, 80, allow_private=True)


def test_a_name_of_several_numbers_is_as_good_as_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    means(monkeypatch, "8.8.8.8", "10.0.0.1", "8.8.8.8")
    with pytest.raises(Forbidden, match=r"10\.0\.0\.1"):
        resolve("example.org", 443, allow_private=False)
    assert resolve("example.org", 443, allow_private=True) == ["8.8.8.8", "10.0.0.1"]
    means(monkeypatch, "8.8.8.8", "8.8.4.4")
    assert resolve("example.org", 443, allow_private=False) == ["8.8.8.8", "8.8.4.4"]


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example.org", "nothing.invalid"])
def test_a_name_that_means_nothing_is_no_answer(name: str) -> None:
    with pytest.raises(UpstreamError, match="is not known"):
        resolve(name, 80, allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org", "example.org/hook", "http://", "http:///hook", "//example.org/",
        f"{WEB}ann:secret@example.org/", f"{WEB}ann@example.org/", "http://example.org:99999/", "http://example.org:0/", "http://[::1/",
        "http://example.org\\@127.0.0.1/", "http://example.org/a\r\nX: y", "http://example.org/\x7f", f"{WEB}exämple.org/", "javascript:alert(1)",
        "http://example.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_webhook_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="no address of a webhook"):
        check_web(address)


@pytest.mark.parametrize(
    "address",
    [
        "", "ann", "ann@", "@example.org", "ann@example.org,bob@example.org", "ann@example.org\nBcc: bob@example.org", "Ann <ann@example.org>",
        "ann@example.org\r", '"a b"@example.org', "ann@exam ple.org", "ann@-example.org", "ann@example..org", "änn@example.org", "ann@exämple.org",
        "ann@example.org>", ".ann@example.org", "ann.@example.org", "a..b@example.org",
        "a" * 65 + "@example.org", "ann@" + "e" * 250 + ".org", "ann@[127.0.0.1]", "ann@example.org\0",
    ],
)  # fmt: skip
def test_what_is_not_one_plain_address_of_mail_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="no address of mail"):
        check_mail(address)


@pytest.mark.parametrize("address", ["ann@example.org", "ann.o'neil+splanc@mail.example.org", "a_b@localhost", "A1@EXAMPLE.ORG"])
def test_plain_addresses_of_mail_are_taken(address: str) -> None:
    check_mail(address)
    assert mail_in(f"https://example.org/ {address}") == address


def test_targets_say_an_address_and_words() -> None:
    assert target_of(Output.digest, "ann@example.org") == Target(address="ann@example.org")
    assert target_of(Output.digest, " ann@example.org  Cutouts ") == Target(address="ann@example.org", cutouts=True)
    assert target_of(Output.webhook, "https://example.org/x?y=1") == Target(address="https://example.org/x?y=1")
    assert target_of(Output.webhook, f"{WEB}hooks.slack.com/services/T/B/x").slack
    assert target_of(Output.webhook, f"{WEB}HOOKS.SLACK.com:443/services/T/B/x").slack
    assert not target_of(Output.webhook, f"{WEB}hooks.slack.com.example.org/").slack
    told = Target(address="http://example.org/", slack=True, told="ann@example.org")
    assert (
        target_of(Output.webhook, "http://example.org/ slack ann@example.org") == target_of(Output.webhook, "http://example.org/ ann@example.org SLACK") == told
    )


@pytest.mark.parametrize(
    ("output", "text", "wrong"),
    [
        (Output.digest, "ann@example.org slack", "slack"),
        (Output.digest, "ann@example.org bob@example.org", "bob@example.org"),
        (Output.webhook, "http://example.org/ cutouts", "cutouts"),
        (Output.webhook, "http://example.org/ a@example.org b@example.org", "b@example.org"),
    ],
)
def test_other_words_mean_nothing(output: Output, text: str, wrong: str) -> None:
    with pytest.raises(UserError, match=f"'{wrong}' means nothing"):
        target_of(output, text)
