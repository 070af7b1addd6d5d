"""Mails: digests when they are due, notices at once, one after the other through one mail server."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from ..config import Settings
from ..errors import UpstreamError
from ..filters.definition import Filter, Output
from ..kafka import Record, read_topic
from ..metrics import DeliverMetrics
from ..packet import Partition
from ..streams.addresses import Target, mail_in
from ..streams.digests import Gathering, Letterhead, Pictures, digest_mail, end_of_day, notice_mail
from ..streams.mail import MailAway, MailServer
from ..streams.match_records import match_of, one_line
from ._positions import positions

GRACE_SECONDS = 60.0
"""A digest is made so long after its day has ended: what was matched before then has been committed."""

_RETRY_SECONDS = 5.0
"""Pause after a failure; each further one doubles it, up to deliver.retry_max_seconds."""

_NOTICE_ATTEMPTS = 5
"""A notice that its address has refused so often is logged and given up; others wait behind it no longer."""

_EVER = datetime.min.replace(tzinfo=UTC)
"""Before all else."""

_log = structlog.get_logger()

Marks = Mapping[Partition, int]
"""Offsets to go on from."""

Clock = Callable[[], datetime]
"""Returns the present moment, UTC."""


@dataclass(slots=True, kw_only=True)
class _Box:
    """A filter's digests.

    Parameters
    ----------
    look : when its topic is looked at again.
    nexts : marks of what was delivered, which Kafka may not have yet.
    starts : by partition, where to begin; set while there is anything to deliver.
    """

    owner: Filter
    target: Target
    look: datetime
    nexts: dict[Partition, int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    failures: int = 0


@dataclass(slots=True, kw_only=True)
class _Notice:
    """A notice that waits.

    Parameters
    ----------
    place, offset : where it stands in the topic of notices.
    said : what it says, by name.
    address : of mail, of who is to be told.
    """

    place: Partition
    offset: int
    address: str
    said: Mapping[str, Any]
    failures: int = 0
    not_before: datetime = _EVER


class Mails:
    """All mails. One is on its way at a time; while the server is away, none is.

    Parameters
    ----------
    marks : asks Kafka for the marks of partitions.
    pictures : of the cutouts of a diaSourceId.
    metrics : where it counts.
    """

    def __init__(self, settings: Settings, marks: Callable[[Iterable[Partition]], Marks], pictures: Pictures, clock: Clock, *, metrics: DeliverMetrics) -> None:
        self._settings = settings
        self._marks = marks
        self._pictures = pictures
        self._clock = clock
        self._metrics = metrics
        self._server = MailServer(settings.mail) if settings.mail.host is not None else None
        self._pool = ThreadPoolExecutor(1, "mail")
        self._boxes: dict[str, _Box] = {}
        self._addresses: dict[str, str] = {}
        self._notices: deque[_Notice] = deque()
        self._next_notice: dict[Partition, int] = {}
        self._marked: dict[Partition, int] = {}
        self._running: tuple[Future[Any], Callable[[Future[Any]], Marks]] | None = None
        self._away_until = _EVER
        self._away = 0
        self._warned = False
        self.sent = 0
        """Mails that the server took."""

    @property
    def waiting(self) -> int:
        """Notices that wait."""
        return len(self._notices)

    @property
    def is_away(self) -> bool:
        """Whether the mail server does not answer, or refuses everything."""
        return self._away > 0

    def update(self, owners: Sequence[tuple[Filter, Target]]) -> None:
        """Take the filters with targets as they are now; of digests, the digests."""
        self._addresses = {str(owner.id): address for owner, target in owners if (address := target.told or mail_in(target.address))}
        boxes = {}
        for owner, target in owners:
            if owner.definition.output is not Output.digest:
                continue
            box = self._boxes.get(owner.topic)
            if box is None:
                box = _Box(owner=owner, target=target, look=self._clock())
            if box.target != target:
                box.look = self._clock()
            box.owner, box.target = owner, target
            boxes[owner.topic] = box
        self._boxes = boxes
        if boxes and self._server is None and not self._warned:
            _log.warning("digests wait for mail.host", filters=len(boxes))
            self._warned = True

    def tell(self, records: Iterable[Record]) -> None:
        """Have notices sent to the address of mail in their target, or in their filter's; those without one are logged, once."""
        for record in records:
            self._next_notice[record.place] = record.offset + 1
            said = _said(record)
            address = mail_in(str(said.get("target") or "")) or self._addresses.get(str(said.get("filter_id")), "")
            if not address or self._server is None:
                _log.warning("notice without an address", notice=said or repr(record.value))
            else:
                self._notices.append(_Notice(place=record.place, offset=record.offset, said=said, address=address))

    def clear(self) -> None:
        """Forget everything: the work has gone to another process, or has come to this one."""
        self._boxes, self._notices, self._next_notice, self._marked = {}, deque(), {}, {}
        if self._running is not None:  # its mark is another's to move now
            self._running = (self._running[0], lambda _future: {})

    def step(self) -> dict[Partition, int]:
        """Send what is to be sent, and return the marks of what was taken meanwhile."""
        marks: dict[Partition, int] = {}
        if self._running is not None and self._running[0].done():
            future, settle = self._running
            self._running = None
            marks.update(settle(future))
        if self._running is None and self._server is not None and self._clock() >= self._away_until:
            self._start(self._server)
        return marks | self._notice_marks()

    def stop(self) -> dict[Partition, int]:
        """Wait for the mail on its way, and return its mark if it was taken."""
        self._pool.shutdown()
        marks = dict(self._running[1](self._running[0])) if self._running is not None else {}
        return marks | self._notice_marks()

    def _notice_marks(self) -> dict[Partition, int]:
        """Return the offsets up to which no notice waits, where they have changed."""
        marks = {}
        for place, following in self._next_notice.items():
            mark = min((notice.offset for notice in self._notices if notice.place == place), default=following)
            if self._marked.get(place) != mark:
                marks[place] = self._marked[place] = mark
        return marks

    def _start(self, server: MailServer) -> None:
        now = self._clock()
        notice = next((notice for notice in self._notices if notice.not_before <= now), None)
        if notice is not None:
            self._running = (self._pool.submit(self._send_notice, server, notice), lambda future: self._noticed(notice, future))
            return
        box = next((box for box in self._boxes.values() if box.starts), None)
        if box is not None:
            self._running = (self._pool.submit(self._send_digest, server, box, now), lambda future: self._digested(box, now, future))
            return
        due = [box for box in self._boxes.values() if box.look <= now]
        if due:
            self._running = (self._pool.submit(self._survey, due), lambda future: self._surveyed(due, now, future))

    def _survey(self, due: Sequence[_Box]) -> dict[str, dict[int, int]]:
        """Return for each topic that holds anything undelivered where to begin, by partition."""
        known = {place: offset for box in due for place, offset in box.nexts.items()}
        found: dict[str, dict[int, int]] = {}
        for place, (start, end) in positions(self._settings.kafka, {box.owner.topic for box in due}, self._marks, known).items():
            if start < end:
                found.setdefault(place.topic, {})[place.number] = start
        return found

    def _surveyed(self, due: Sequence[_Box], asked: datetime, future: Future[dict[str, dict[int, int]]]) -> Marks:
        try:
            found = future.result()
        except UpstreamError as error:
            _log.warning("digests not looked for", why=str(error), then="trying again")
            for box in due:
                box.look = self._clock() + self._pause(1)
            return {}
        for box in due:
            box.starts = found.get(box.owner.topic, {})
            if not box.starts:
                box.look = self._next_look(asked)
        return {}

    def _next_look(self, asked: datetime) -> datetime:
        """Return when the first digest is due that was not due yet when it was asked."""
        grace = timedelta(seconds=GRACE_SECONDS)
        return end_of_day(asked - grace, self._settings.mail.when) + grace

    def _head(self, server: MailServer) -> Letterhead:
        return Letterhead(sender=server.sender, site=self._settings.site.url)

    def _send_notice(self, server: MailServer, notice: _Notice) -> Marks:
        said = notice.said
        about = one_line(f"{said.get('filter', '')}: {said.get('kind', '')}")
        lines = [*str(said.get("text", "")).splitlines(), "", f"{said.get('filter', '')}, {said.get('at', '')}"]
        key = str(said.get("id") or f"{notice.place.topic}/{notice.place.number}/{notice.offset}")
        mail = notice_mail("\n".join(map(one_line, lines)), about, notice.address, self._head(server), key)
        server.send(lambda _max_bytes: mail)
        return {}

    def _noticed(self, notice: _Notice, future: Future[Marks]) -> Marks:
        try:
            future.result()
        except MailAway as error:
            self._metrics.failures.labels("notice").inc()
            self._server_away(error)
            notice.not_before = self._clock() + self._pause(self._away)  # others first: it may be the mail that the server dies of
            return {}
        except Exception as error:  # noqa: BLE001 - what one notice leads to is no other owner's trouble
            self._metrics.failures.labels("notice").inc()
            notice.failures += 1
            notice.not_before = self._clock() + self._pause(notice.failures)
            if notice.failures < _NOTICE_ATTEMPTS:
                return {}
            _log.error("notice refused", notice=dict(notice.said), why=str(error))
        else:
            self._took()
        if notice in self._notices:
            self._notices.remove(notice)
        return {}

    def _send_digest(self, server: MailServer, box: _Box, now: datetime) -> Marks:
        """Send the first digest of a filter that is due, and return its marks; none if none is due."""
        topic, mail = box.owner.topic, self._settings.mail
        gathering = Gathering(mail.when, mail.max_bytes)
        for record in read_topic(self._settings.kafka, topic, starts=box.starts):
            if record.place.number in box.starts:
                gathering.add(match_of(record))
        due = gathering.due(now - timedelta(seconds=GRACE_SECONDS))
        if not due:
            return {}
        head = self._head(server)
        server.send(lambda max_bytes: digest_mail(box.owner, box.target, due[0], head, max_bytes=max_bytes, pictures=self._pictures))
        _log.info("digest sent", filter=box.owner.id, matches=due[0].total, until=due[0].until.isoformat())
        return {Partition(topic, number): offset for number, offset in due[0].nexts.items()}

    def _digested(self, box: _Box, asked: datetime, future: Future[Marks]) -> Marks:
        box.starts = {}
        try:
            marks = future.result()
        except Exception as error:  # noqa: BLE001 - what one filter leads to is no other filter's trouble
            box.failures += 1
            self._metrics.failures.labels("digest").inc()
            box.look = self._clock() + self._pause(box.failures)  # others first, also while the server is away: it may be the mail that it dies of
            if isinstance(error, MailAway):
                self._server_away(error)
            elif box.failures == 1:
                _log.error("digest not sent", filter=box.owner.id, why=str(error), then="trying again")
            return {}
        box.failures = 0
        if marks:
            self._took()
            box.nexts.update(marks)  # there may be another day's
        else:
            box.look = self._next_look(asked)
        return marks

    def _took(self) -> None:
        self.sent += 1
        self._metrics.mails.inc()
        if self._away:
            _log.info("mail server is back")
        self._away = 0

    def _server_away(self, error: MailAway) -> None:
        self._away += 1
        self._away_until = self._clock() + self._pause(self._away)
        if self._away == 1:
            _log.error("mail server away", why=str(error), then="waiting for it")

    def _pause(self, failures: int) -> timedelta:
        return timedelta(seconds=min(_RETRY_SECONDS * 2.0 ** min(failures - 1, 30), self._settings.deliver.retry_max_seconds))


def _said(record: Record) -> dict[str, Any]:
    """Return what a notice says; nothing if it is none."""
    try:
        said = json.loads(record.value or b"")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
