from __future__ import annotations

import email
import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.filters.definition import Definition, Filter, Output
from splanc.streams.addresses import Target, check_mail
from splanc.streams.digests import Digest, Gathering, Letterhead, digest_mail, end_of_day, notice_mail
from splanc.streams.match_records import Match

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HEAD = Letterhead(sender="splanc@example.org", site="https://example.org/")
ANN = Target(address="ann@example.org")
BIG = 3 << 20

anything = st.text(max_size=12) | st.sampled_from(["<script>alert(1)</script>", "a\r\nBcc: x@example.org\r\n\r\nbody", "=?utf-8?q?x?=", "</td>", "&amp;", '"'])


def match(offset: int, record: str = '{"diaObjectId": 169298437355340113, "mag": 17.10}', *, partition: int = 0, at: datetime = NOON, key: str = "12") -> Match:
    timestamp_ms = round(at.timestamp() * 1000)
    return Match(
        partition=partition, offset=offset, timestamp_ms=timestamp_ms, object_id=key, source_id=500 + offset, record=record.encode(), version=1, night=20260101
    )


def filter_named(name: str) -> Filter:
    definition = Definition(name=name, owner="ann", selected="diaObjectId", output=Output.digest, target=ANN.address)
    return Filter(id=7, version=1, definition=definition, topic="lasair_1bright", created=NOON, changed=NOON)


def digest_of(matches: list[Match]) -> Digest:
    digest = Digest(until=NOON)
    for one in matches:
        digest.add(one, BIG)
    return digest


def mail_of(matches: list[Match], *, name: str = "bright", target: Target = ANN, max_bytes: int = BIG, pictures=lambda _source: None) -> EmailMessage:
    mail = digest_mail(filter_named(name), target, digest_of(matches), HEAD, max_bytes=max_bytes, pictures=pictures)
    read = email.message_from_bytes(mail.as_bytes(), policy=SMTP)
    assert isinstance(read, EmailMessage)
    return read


def text_of(mail: EmailMessage, kind: str) -> str:
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


class Cells(HTMLParser):
    """What a table shows, and the tags that it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.cells: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data.rstrip("\n")


def test_a_digest_has_a_table_a_text_a_file_and_links() -> None:
    mail = mail_of([match(1), match(2, '{"diaObjectId": 13, "class": "SN<Ia>", "mag": null}', key="13")])
    assert mail["To"] == "ann@example.org"
    assert mail["Subject"] == "bright: 2 matches until 2026-01-02 12:00 UTC"
    table = Cells(text_of(mail, "html"))
    assert table.cells[:12] == ["object", "diaObjectId", "mag", "class", "12", "169298437355340113", "17.10", "", "13", "13", "", "SN<Ia>"]
    assert table.links == ["https://example.org/objects/12/", "https://example.org/objects/13/"]
    text = text_of(mail, "plain")
    assert "https://example.org/objects/12/\n    diaObjectId: 169298437355340113\n    mag: 17.10\n" in text
    (file,) = mail.iter_attachments()
    assert file.get_filename() == "matches-20260102.json"
    assert json.loads(file.get_content()) == [{"diaObjectId": 169298437355340113, "mag": 17.1}, {"diaObjectId": 13, "class": "SN<Ia>", "mag": None}]


@settings(max_examples=25)
@given(name=anything.filter(str.strip), column=anything, value=anything, key=anything)
def test_users_texts_stay_texts(name: str, column: str, value: str, key: str) -> None:
    mail = mail_of([match(1, json.dumps({column: value}), key=key)], name=name)
    assert sorted(mail.keys()) == sorted(["Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"])
    assert mail["To"] == "ann@example.org"
    table = Cells(text_of(mail, "html"))
    assert table.tags <= {"html", "body", "h2", "table", "tr", "th", "td", "p", "a"}
    assert len(table.cells) == 4
    assert [part.get_content_type() for part in mail.walk() if not part.is_multipart()] == ["text/plain", "text/html", "application/json"]


@pytest.mark.parametrize("max_bytes", [2_000, 20_000, 300_000])
def test_what_does_not_fit_is_counted(max_bytes: int) -> None:
    mail = mail_of([match(number, json.dumps({"number": number, "text": "x" * (number % 50)})) for number in range(3000)], max_bytes=max_bytes)
    assert len(mail.as_bytes()) <= max_bytes
    (file,) = mail.iter_attachments()
    shown = json.loads(file.get_content())
    assert [one["number"] for one in shown] == list(range(len(shown)))
    assert 0.7 * max_bytes < len(mail.as_bytes()) or len(shown) == 0
    said = f"{3000 - len(shown)} more did not fit into this mail. They are in the Kafka topic lasair_1bright, and at https://example.org/filters/7/."
    assert said in text_of(mail, "plain").replace("=\n", "")
    assert said in text_of(mail, "html")
    assert mail["Subject"].startswith("bright: 3000 matches")


def test_more_than_a_mail_can_hold_is_not_even_kept() -> None:
    digest = Digest(until=NOON)
    for number in range(100):
        digest.add(match(number, "x" * 100), 1050)
    assert (len(digest.matches), digest.total, digest.nexts) == (10, 100, {0: 100})


def test_cutouts_are_shown_if_asked_and_take_half_of_the_mail() -> None:
    asked: list[int] = []

    def picture(source_id: int) -> bytes | None:
        asked.append(source_id)
        return None if source_id == 501 else b"\x89PNG" + bytes(10_000)

    target = Target(address="ann@example.org", cutouts=True)
    mail = mail_of([match(number) for number in range(30)], target=target, max_bytes=80_000, pictures=picture)
    images = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert asked == list(range(500, 520))
    assert [image["Content-ID"] for image in images] == ["<500@cutouts>", "<502@cutouts>"]
    assert [link for link in Cells(text_of(mail, "html")).links if link.startswith("cid:")] == ["cid:500@cutouts", "cid:502@cutouts"]
    assert images[0].get_content() == b"\x89PNG" + bytes(10_000)
    assert len(mail.as_bytes()) <= 80_000
    asked.clear()
    assert len(list(mail_of([match(1)], pictures=picture).walk())) == 5
    assert asked == []


def test_a_digest_is_known_by_the_matches_that_it_holds() -> None:
    first = [match(number, partition=number % 2) for number in range(6)]
    names = [mail_of(matches)["Message-ID"] for matches in (first, first, first[:5], first[1:], [match(number) for number in range(6)])]
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert mail_of(first, max_bytes=2_000)["Message-ID"] == names[0]
    assert names[0].endswith("@example.org>")


@pytest.mark.parametrize(
    ("moment", "when", "end"),
    [
        ("2026-01-01 11:59:59", "night", "2026-01-01 12:00"),
        ("2026-01-01 12:00:00", "night", "2026-01-02 12:00"),
        ("2026-01-01 18:04:59", "18:05", "2026-01-01 18:05"),
        ("2026-12-31 18:05:00", "18:05", "2027-01-01 18:05"),
        ("2026-01-01 00:00:00", "00:00", "2026-01-02 00:00"),
    ],
)
def test_a_day_ends(moment: str, when: str, end: str) -> None:
    assert end_of_day(datetime.fromisoformat(f"{moment}+00:00"), when) == datetime.fromisoformat(f"{end}+00:00")


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(-100, 100)), max_size=40))
def test_digests_hold_each_match_once_in_runs_of_offsets(steps: list[tuple[int, float]]) -> None:
    gathering, offsets = Gathering("night", BIG), [0, 0, 0]
    for partition, hours in steps:
        gathering.add(match(offsets[partition], partition=partition, at=NOON + timedelta(hours=hours)))
        offsets[partition] += 1
    digests = gathering.due(NOON + timedelta(days=10))
    following = [0, 0, 0]
    for digest in digests:
        for partition, first in digest.firsts.items():
            assert first == following[partition]
            following[partition] = digest.nexts[partition]
        assert digest.total == len(digest.matches) == sum(digest.nexts[partition] - digest.firsts[partition] for partition in digest.firsts)
    assert following == offsets
    assert [digest.until for digest in digests] == sorted({digest.until for digest in digests})
    assert [digest.until for digest in gathering.due(NOON)] == [digest.until for digest in digests if digest.until <= NOON]


words = st.lists(st.text("aZ09!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=6), min_size=1, max_size=4).map(".".join)


@settings(max_examples=50)
@given(name=words, host=st.from_regex(r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]+){0,3}\Z").filter(lambda host: len(host) < 100))
def test_every_address_that_is_taken_can_be_written_to(name: str, host: str) -> None:
    address = f"{name}@{host}"
    check_mail(address)
    mail = notice_mail("text", "about", address, HEAD, "1")
    (read,) = email.message_from_bytes(mail.as_bytes(), policy=SMTP)["To"].addresses
    assert read.addr_spec == address


def test_a_notice_is_a_mail_of_its_text() -> None:
    mail = notice_mail("It failed.\nTwice.", "bright: paused\r\nBcc: x@example.org", "ann@example.org", HEAD, "1")
    read = email.message_from_bytes(mail.as_bytes(), policy=SMTP)
    assert (read["Subject"], read["Bcc"]) == ("splanc: bright: paused Bcc: x@example.org", None)
    assert read.get_content().replace("\r\n", "\n") == "It failed.\nTwice.\n"
    assert read["Message-ID"] != notice_mail("It failed.\nTwice.", "bright", "ann@example.org", HEAD, "2")["Message-ID"]
