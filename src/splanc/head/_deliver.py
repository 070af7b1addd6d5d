"""Delivering matches and notices: digests and notices by mail, and webhooks, from what stands in Kafka.

A mark moves when the other side has taken what is before it, never sooner. So whatever is killed or away, nothing is lost while the
topic keeps it; what was taken but not yet marked is delivered again, under the same name.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import structlog

from ..archive import as_png
from ..config import Settings
from ..errors import SplancError, UpstreamError, UserError
from ..filters.definition import Filter, Output, State
from ..kafka import Keeper, Tap
from ..metrics import DeliverMetrics
from ..packet import Partition
from ..stopping import stop_signal
from ..streams import webhook_notice
from ..streams.addresses import Target, target_of
from ..streams.digests import Pictures
from ..streams.webhooks import secret_of
from ._cutouts import cutouts_of
from ._hooks import Hooks
from ._mails import Clock, Mails
from ._positions import positions

TOPICS_SECONDS = 60.0
"""Between two looks at the partitions of their topics, when no filter has changed."""

_STEP_SECONDS = 0.1
"""Longest wait for records before looking at all else."""

_SUMMARY_SECONDS = 60.0
"""Between two lines in the log, if anything was delivered."""

_log = structlog.get_logger()

Filters = Callable[[], Sequence[Filter]]
"""Returns all filters as they are now."""


def deliver(settings: Settings, filters: Filters, should_stop: Callable[[], bool] | None = None, *, clock: Clock | None = None) -> None:
    """Deliver digests, notices and webhooks until SIGTERM or SIGINT. Of several processes that do so, one works and the others wait for it to end.

    Parameters
    ----------
    settings : with the archive's DSN, for cutouts.
    filters : asked every few seconds; while it fails, the filters are those that it gave last.
    should_stop : says when to stop, instead of signals.
    clock : tells the time, instead of the machine's.

    Raises
    ------
    UserError
        If the configuration is not complete, or Kafka refuses what is needed.
    UpstreamError
        If Kafka fails in a way that no waiting mends.
    """
    stop = should_stop or stop_signal()
    metrics = DeliverMetrics()
    if settings.deliver.metrics_port:
        metrics.serve(settings.deliver.metrics_port)
    with ExitStack() as stack:
        delivery = Delivery(settings, filters, stack, clock or _now, metrics=metrics)
        _log.info("delivery started", group=delivery.group)
        while not stop():
            delivery.step()
        delivery.stop()
    _log.info("delivery stopped")


def webhook_secret(settings: Settings, filter_id: int) -> str:
    """Return the secret of a filter's webhook, which its owner may know.

    Raises
    ------
    UserError
        If the secret that it is made from cannot be kept.
    """
    return secret_of(deployment_secret(settings), filter_id)


def deployment_secret(settings: Settings) -> str:
    """Return the secret that webhooks' secrets are made from; made and kept in the data directory if none is configured.

    Raises
    ------
    UserError
        If it cannot be kept.
    """
    if settings.deliver.secret is not None:
        return settings.deliver.secret.get_secret_value()
    path = settings.data_dir / "webhooks.secret"
    try:
        if not path.exists():
            new = path.with_suffix(f".{secrets.token_hex(8)}")
            new.touch(0o600)
            new.write_text(secrets.token_hex(32))
            with suppress(FileExistsError):  # another process was quicker
                path.hardlink_to(new)
            new.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise UserError(f"cannot keep the secret of webhooks in {path}: {error.strerror}; or give deliver.secret") from error


class Delivery:
    """The parts of delivery, and what it does again and again.

    Parameters
    ----------
    stack : closes what is opened here.
    metrics : where it counts.
    """

    def __init__(self, settings: Settings, filters: Filters, stack: ExitStack, clock: Clock, *, metrics: DeliverMetrics) -> None:
        self._settings = settings
        self._filters = filters
        self.group = f"{settings.kafka.group}-deliver"
        self._keeper = Keeper(settings.kafka, self.group, settings.kafka.notices_topic, settings.ingest.session_seconds)
        stack.callback(self._keeper.close)
        tap = Tap(settings.kafka, self.group)
        stack.callback(tap.close)
        self._metrics = metrics
        self._hooks = Hooks(settings, tap, deployment_secret(settings), self._failing, metrics=metrics)
        self._mails = Mails(settings, self._keeper.marks, _pictures(settings), clock, metrics=metrics)
        self._term: int | None = None
        self._marks: dict[Partition, int] = {}
        self._look_at = self._topics_at = self._summary_at = 0.0
        self._topics: set[str] = set()
        self._said: set[tuple[int, int]] = set()
        self._counted = (0, 0)
        self._blind = False

    def step(self) -> None:
        """Do what is to be done now, and wait a moment for more."""
        records = self._keeper.take(0.0 if self._term else _STEP_SECONDS)
        if self._keeper.term != self._term:
            self._begin(self._keeper.term)
        if self._term is None:
            return
        if time.monotonic() >= self._look_at:
            self._look()
        self._mails.tell(records)
        self._move(self._hooks.step(_STEP_SECONDS) | self._mails.step())
        self._gauge()
        self._summarise()

    def stop(self) -> None:
        """End what is on its way, and mark what was taken."""
        self._move(self._hooks.stop() | self._mails.stop())

    def _begin(self, term: int | None) -> None:
        _log.info("delivering" if term else "another process delivers", group=self.group)
        self._term = term
        self._metrics.active.set(term is not None)
        self._hooks.clear()
        self._mails.clear()
        self._gauge()
        self._marks, self._topics = {}, set()
        self._look_at = self._topics_at = 0.0

    def _move(self, marks: dict[Partition, int]) -> None:
        self._marks |= marks
        if self._marks and self._keeper.move(self._marks):
            self._marks = {}

    def _look(self) -> None:
        """Look at the filters, and at the topics of those with webhooks."""
        self._look_at = time.monotonic() + self._settings.filters.poll_seconds
        try:
            alive = [one for one in self._filters() if one.definition.output in {Output.digest, Output.webhook} and one.state is not State.deleted]
        except UpstreamError as error:
            if not self._blind:
                _log.warning("filters not read", why=str(error), then="going on with those that are known")
            self._blind = True
            return
        self._blind = False
        owners = [(one, target) for one in alive if (target := self._target(one)) is not None]
        self._mails.update(owners)
        self._hooks.update((one, target) for one, target in owners if one.definition.output is Output.webhook)
        if self._hooks.topics != self._topics or time.monotonic() >= self._topics_at:
            self._look_at_topics()

    def _look_at_topics(self) -> None:
        known = self._hooks.nexts()
        found = positions(self._settings.kafka, self._hooks.topics, self._keeper.marks, known) if self._hooks.topics else {}
        starts = {place: start for place, (start, _end) in found.items()}
        if starts != known:
            self._hooks.read(starts)
        self._topics_at = time.monotonic() + TOPICS_SECONDS
        # A topic that is not there yet is looked for again at once.
        self._topics = {place.topic for place in starts}

    def _target(self, owner: Filter) -> Target | None:
        try:
            return target_of(owner.definition.output, owner.definition.target)
        except UserError as error:
            if (owner.id, owner.version) not in self._said:
                _log.error("filter without a target", filter=owner.id, why=str(error))
            self._said.add((owner.id, owner.version))
            return None

    def _failing(self, owner: Filter, told: str, why: str) -> bool:
        """Put a notice on its way that a webhook fails, and return whether Kafka has it."""
        _log.error("webhook fails", filter=owner.id, why=why, then="trying again")
        try:
            self._keeper.send(*webhook_notice(owner, why, told))
        except UpstreamError as error:
            _log.warning("notice not written", why=str(error))
            return False
        return True

    def _gauge(self) -> None:
        self._metrics.waiting_matches.set(self._hooks.waiting)
        self._metrics.failing_webhooks.set(self._hooks.failing)
        self._metrics.waiting_notices.set(self._mails.waiting)
        self._metrics.mail_server_away.set(self._mails.is_away)

    def _summarise(self) -> None:
        if time.monotonic() >= self._summary_at:
            self._summary_at = time.monotonic() + _SUMMARY_SECONDS
            counts = (self._mails.sent, self._hooks.taken)
            if counts != self._counted:
                _log.info("delivered", mails=counts[0] - self._counted[0], webhook_matches=counts[1] - self._counted[1], waiting=self._hooks.waiting)
            self._counted = counts


def _pictures(settings: Settings) -> Pictures:
    def picture(source_id: int) -> bytes | None:
        try:
            return as_png(cutouts_of(settings, source_id))
        except SplancError as error:
            _log.debug("no cutouts for a digest", diaSourceId=source_id, why=str(error))
            return None

    return picture


def _now() -> datetime:
    return datetime.now(UTC)
