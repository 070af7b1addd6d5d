"""Digests: the matches of a day in one mail, as a table, as text, and as a file of JSON.

When a digest is due follows from the matches alone: it holds those from the first that was not delivered yet to the end of that
one's day. So it is the same digest whenever it is made, and has the same Message-ID.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from typing import cast

from ..filters.definition import Filter
from .addresses import Target
from .match_records import Match, filter_link, object_link, one_line

_CELL = 80
"""A value in a table is cut to so many characters; the file has it whole."""

_PICTURES = 20
"""Most pictures in a mail."""

_SUBJECT = 100
"""A filter's name in a subject is cut to so many characters."""

_NIGHT_OVER = 12.0
"""`night` in mail.when: noon UTC, when one night ends and the next begins, hours."""

_BASE64 = 1.4
"""Bytes of a mail for each byte of a picture: 4 for 3, and the ends of the lines."""

_CAUTION = 0.95
"""When a mail is too large, so much of the share of its matches that should fit is tried: seldom more than twice."""

_POLICY = SMTP.clone(cte_type="7bit")
"""Mails that every server takes, however old."""

Pictures = Callable[[int], bytes | None]
"""Returns a PNG of the cutouts of a diaSourceId, or None where there are none."""


@dataclass(slots=True, kw_only=True)
class Digest:
    """Matches of one filter up to the end of a day, as many as a mail can hold, and how many they are in all.

    Parameters
    ----------
    until : the end of the day.
    matches : the first ones.
    total : of all.
    firsts, nexts : by partition, the offset of the first match, and the one to go on from.
    """

    until: datetime
    matches: list[Match] = field(default_factory=list)
    size_bytes: int = 0
    total: int = 0
    firsts: dict[int, int] = field(default_factory=dict)
    nexts: dict[int, int] = field(default_factory=dict)

    def add(self, match: Match, max_bytes: int) -> None:
        """Count a match, and keep it unless a mail of so many bytes could not hold it."""
        self.total += 1
        self.firsts.setdefault(match.partition, match.offset)
        self.nexts[match.partition] = match.offset + 1
        self.size_bytes += len(match.record)
        if self.size_bytes <= max_bytes:
            self.matches.append(match)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What all mails of a splanc have in common.

    Parameters
    ----------
    sender : address.
    site : address of the web site, without its last slash; None without one.
    """

    sender: str
    site: str | None


class Gathering:
    """The digests that the undelivered matches of one filter make, one for each day that has any; matches come in order in each partition.

    Parameters
    ----------
    when : as `mail.when`.
    max_bytes : of a mail.
    """

    def __init__(self, when: str, max_bytes: int) -> None:
        self._when = when
        self._max_bytes = max_bytes
        self._latest: dict[int, datetime] = {}
        self._digests: dict[datetime, Digest] = {}

    def add(self, match: Match) -> None:
        """Put a match into its day's digest; a clock that went back is not followed, so that a digest is one run of offsets."""
        until = end_of_day(datetime.fromtimestamp(match.timestamp_ms / 1000, UTC), self._when)
        until = self._latest[match.partition] = max(until, self._latest.get(match.partition, until))
        self._digests.setdefault(until, Digest(until=until)).add(match, self._max_bytes)

    def due(self, moment: datetime) -> list[Digest]:
        """Return the digests whose day is over at a moment, oldest first."""
        return [self._digests[until] for until in sorted(self._digests) if until <= moment]


def end_of_day(moment: datetime, when: str) -> datetime:
    """Return when the day of a moment ends: the first time after it that the clock shows `when` (UTC), or that a night is over.

    >>> end_of_day(datetime(2026, 1, 1, 18, 5, tzinfo=UTC), "18:05")
    datetime.datetime(2026, 1, 2, 18, 5, tzinfo=datetime.timezone.utc)
    """
    hours = _NIGHT_OVER if when == "night" else int(when[:-3]) + int(when[-2:]) / 60
    end = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=hours)
    return end if end > moment else end + timedelta(days=1)


def digest_mail(owner: Filter, target: Target, digest: Digest, head: Letterhead, *, max_bytes: int, pictures: Pictures) -> EmailMessage:
    """Return a digest as a mail of so many bytes at most; matches that do not fit are counted in it, and said where they are.

    Parameters
    ----------
    pictures : asked only if the target wants cutouts; they take half of the mail at most.
    """
    sheet = _Sheet(
        owner=owner,
        digest=digest,
        rows=[(match, match.shown()) for match in digest.matches],
        pictures=_pictures_of(digest.matches, pictures, max_bytes // 2) if target.cutouts else {},
        site=head.site,
    )

    count = len(sheet.rows)
    while True:
        mail = _compose(replace(sheet, rows=sheet.rows[:count]), target.address, head)
        size_bytes = len(mail.as_bytes())
        if size_bytes <= max_bytes or count == 0:
            return mail
        count = min(count - 1, int(_CAUTION * count * max_bytes / size_bytes))


def notice_mail(text: str, about: str, address: str, head: Letterhead, key: str) -> EmailMessage:
    """Return a notice to the owner of a filter as a mail.

    Parameters
    ----------
    about : what it is about, for the subject.
    key : names the notice; the same one always.
    """
    mail = _envelope(f"splanc: {about}", address, head, key)
    mail.set_content(text + "\n")
    return mail


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What a mail shows of a digest.

    Parameters
    ----------
    rows : matches, each with its columns as text.
    pictures : PNG by diaSourceId.
    """

    owner: Filter
    digest: Digest
    rows: Sequence[tuple[Match, Mapping[str, str]]]
    pictures: Mapping[int, bytes]
    site: str | None

    @property
    def name(self) -> str:
        return one_line(self.owner.definition.name)

    @property
    def count(self) -> str:
        return f"{self.digest.total} match{'es' * (self.digest.total != 1)}"

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(column for _match, values in self.rows for column in values))

    @property
    def rest(self) -> str:
        """What became of the matches that are not shown."""
        left_out, link = self.digest.total - len(self.rows), filter_link(self.site, self.owner.id)
        where = f"in the Kafka topic {self.owner.topic}{f', and at {link}' if link else ''}"
        return f"{left_out} more did not fit into this mail. They are {where}." if left_out else ""


def _pictures_of(matches: Sequence[Match], pictures: Pictures, max_bytes: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    room = max_bytes / _BASE64
    for match in matches[:_PICTURES]:
        png = pictures(match.source_id) if match.source_id else None
        if png is not None and len(png) <= room:
            found[match.source_id] = png
            room -= len(png)
    return found


def _envelope(subject: str, address: str, head: Letterhead, key: str) -> EmailMessage:
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = one_line(subject)
    mail["From"] = Address(display_name="splanc", addr_spec=head.sender)
    mail["To"] = Address(addr_spec=address)
    mail["Date"] = datetime.now(UTC)
    mail["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{head.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def _compose(sheet: _Sheet, address: str, head: Letterhead) -> EmailMessage:
    digest = sheet.digest
    places = "".join(f"\n{partition}:{digest.firsts[partition]}-{digest.nexts[partition] - 1}" for partition in sorted(digest.firsts))
    subject = f"{sheet.name[:_SUBJECT]}: {sheet.count} until {digest.until:%Y-%m-%d %H:%M} UTC"
    mail = _envelope(subject, address, head, sheet.owner.topic + places)
    mail.set_content(_as_text(sheet))
    mail.add_alternative(_as_html(sheet), subtype="html")
    html = cast("list[EmailMessage]", mail.get_payload())[1]
    for source_id in dict.fromkeys(match.source_id for match, _values in sheet.rows if match.source_id in sheet.pictures):
        html.add_related(sheet.pictures[source_id], "image", "png", cid=f"<{source_id}@cutouts>", filename=f"{source_id}.png", disposition="inline")
    file = b"[\n" + b",\n".join(match.record for match, _values in sheet.rows) + b"\n]\n"
    mail.add_attachment(file, "application", "json", filename=f"matches-{digest.until:%Y%m%d}.json")
    return mail


def _as_text(sheet: _Sheet) -> str:
    lines = [f"{sheet.name}: {sheet.count}", ""]
    for match, values in sheet.rows:
        lines.append(object_link(sheet.site, match.object_id) or one_line(match.object_id))
        lines += [f"    {column}: {value[:_CELL]}" for column, value in values.items() if value]
    return "\n".join([*lines, "", sheet.rest, ""])


def _as_html(sheet: _Sheet) -> str:
    columns = sheet.columns
    head = "".join(f"<th>{escape(column)}</th>" for column in ("object", *columns))
    rows = "\n".join(f"<tr>{_cells(sheet, match, [values.get(column, '') for column in columns])}</tr>{_picture(sheet, match)}" for match, values in sheet.rows)
    table = f'<table border="1" cellpadding="4" style="border-collapse: collapse">\n<tr>{head}</tr>\n{rows}\n</table>'
    return f"<!DOCTYPE html>\n<html><body>\n<h2>{escape(sheet.name)}: {sheet.count}</h2>\n{table}\n<p>{escape(sheet.rest)}</p>\n</body></html>\n"


def _cells(sheet: _Sheet, match: Match, values: Sequence[str]) -> str:
    link, number = object_link(sheet.site, match.object_id), escape(one_line(match.object_id))
    first = f'<a href="{escape(link)}">{number}</a>' if link else number
    return "".join(f"<td>{cell}</td>" for cell in (first, *(escape(value[:_CELL]) for value in values)))


def _picture(sheet: _Sheet, match: Match) -> str:
    if match.source_id not in sheet.pictures:
        return ""
    return f'<tr><td colspan="9"><img src="cid:{match.source_id}@cutouts" alt="cutouts: science, template, difference"></td></tr>'
