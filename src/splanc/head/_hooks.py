"""Webhooks: each filter's matches in order to its own address, none waiting for another's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile

import structlog

from ..config import Settings
from ..filters.definition import Filter
from ..kafka import Record, Tap
from ..metrics import DeliverMetrics
from ..packet import Partition
from ..streams.addresses import Target
from ..streams.match_records import Match, match_of
from ..streams.posting import Answer, Poster
from ..streams.webhooks import DELIVERY, FILTER, SIGNATURE, SLACK_MATCHES, TIMESTAMP, delivery_of, json_body, secret_of, sign, slack_body

_TOO_LARGE = 413
"""An answer after which half as many matches are sent."""

_SLOW_SECONDS = 1.0
"""Webhooks whose last POST took longer share a few threads among themselves: however many there are, the others do not wait for them."""

_SLOW_SHARE = 4
"""One thread of theirs for so many of the others."""

_log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class _Hook:
    """A filter's webhook.

    Parameters
    ----------
    waiting : matches that were read; the first of them may be on their way.
    came : when the first of those that are not on their way came, by the monotonic clock.
    nexts : by partition's number, the offset that is read next.
    most : matches that may be sent at once.
    sending : the POST on its way, and its matches.
    is_slow : whether the last POST took long.
    """

    owner: Filter
    target: Target
    most: int
    waiting: deque[Match] = field(default_factory=deque)
    came: float = 0.0
    nexts: dict[int, int] = field(default_factory=dict)
    sending: tuple[Future[Answer], Sequence[Match]] | None = None
    failures: int = 0
    told: bool = False
    is_slow: bool = False
    not_before: float = 0.0


class Hooks:
    """All webhooks.

    Parameters
    ----------
    secret : what the webhooks' secrets are made from.
    on_failing : called with a filter, the address of mail of who is to be told, and the reason, when its webhook has failed so often
        that somebody should know; returns whether they will be.
    metrics : where it counts.
    """

    def __init__(self, settings: Settings, tap: Tap, secret: str, on_failing: Callable[[Filter, str, str], bool], *, metrics: DeliverMetrics) -> None:
        self._limits = settings.deliver
        self._site = settings.site.url
        self._tap = tap
        self._secret = secret
        self._on_failing = on_failing
        self._metrics = metrics
        self._poster = Poster(timeout_seconds=self._limits.timeout_seconds, allow_private=self._limits.allow_private)
        self._quick = ThreadPoolExecutor(self._limits.parallel, "webhook")
        self._slow = ThreadPoolExecutor(max(1, self._limits.parallel // _SLOW_SHARE), "slow-webhook")
        self._hooks: dict[str, _Hook] = {}
        self.taken = 0
        """Matches that were taken by the other sides."""

    @property
    def topics(self) -> set[str]:
        """The topics of the filters that have webhooks."""
        return set(self._hooks)

    @property
    def waiting(self) -> int:
        """Matches that were read and wait; more may be in the topics."""
        return sum(len(hook.waiting) for hook in self._hooks.values())

    @property
    def failing(self) -> int:
        """Webhooks whose last attempt failed."""
        return sum(hook.failures > 0 for hook in self._hooks.values())

    def update(self, owners: Iterable[tuple[Filter, Target]]) -> None:
        """Take the filters that have webhooks now; what was read for those that stay stays."""
        hooks = {}
        for owner, target in owners:
            hook = self._hooks.get(owner.topic)
            if hook is None or hook.target != target:
                most = min(SLACK_MATCHES, self._limits.webhook_matches) if target.slack else self._limits.webhook_matches
                fresh = _Hook(owner=owner, target=target, most=most)
                if hook is not None:  # a new address is tried at once
                    fresh.waiting, fresh.came, fresh.nexts, fresh.sending = hook.waiting, hook.came, hook.nexts, hook.sending
                hook = fresh
            hook.owner = owner
            hooks[owner.topic] = hook
        self._hooks = hooks

    def nexts(self) -> dict[Partition, int]:
        """Return where each partition is read on."""
        return {Partition(topic, number): offset for topic, hook in self._hooks.items() for number, offset in hook.nexts.items()}

    def read(self, starts: Mapping[Partition, int]) -> None:
        """Read these partitions from these offsets, and no others."""
        for topic, hook in self._hooks.items():
            hook.nexts = {partition.number: offset for partition, offset in starts.items() if partition.topic == topic}
        self._tap.read(starts)

    def clear(self) -> None:
        """Forget everything: the work has gone to another process, or has come to this one."""
        self._hooks = {}
        self._tap.read({})

    def step(self, seconds: float) -> dict[Partition, int]:
        """Read for so long, send what is to be sent, and return the marks of what was taken meanwhile."""
        for record in self._tap.take(seconds):
            self._add(record)
        self._tap.rest([Partition(hook.owner.topic, number) for hook in self._hooks.values() if len(hook.waiting) >= 2 * hook.most for number in hook.nexts])
        marks = {}
        for hook in self._hooks.values():
            if hook.sending is not None and hook.sending[0].done():
                marks.update(self._settle(hook, *hook.sending))
            if self._is_ready(hook):
                self._send(hook)
        return marks

    def stop(self) -> dict[Partition, int]:
        """Wait for the POSTs on their way, and return the marks of those that were taken."""
        for pool in (self._quick, self._slow):
            pool.shutdown(cancel_futures=True)
        marks = {}
        for hook in self._hooks.values():
            if hook.sending is not None and not hook.sending[0].cancelled():
                marks.update(self._settle(hook, *hook.sending))
        return marks

    def _add(self, record: Record) -> None:
        hook = self._hooks.get(record.place.topic)
        if hook is None or record.offset < hook.nexts.get(record.place.number, 0):
            return
        if len(hook.waiting) == (0 if hook.sending is None else len(hook.sending[1])):
            hook.came = time.monotonic()
        hook.waiting.append(match_of(record))
        hook.nexts[record.place.number] = record.offset + 1

    def _is_ready(self, hook: _Hook) -> bool:
        now = time.monotonic()
        if not hook.waiting or hook.sending is not None or now < hook.not_before:
            return False
        return len(hook.waiting) >= hook.most or now - hook.came >= self._limits.webhook_seconds

    def _send(self, hook: _Hook) -> None:
        first = hook.waiting[0]
        alike = takewhile(lambda match: (match.version, match.night) == (first.version, first.night), hook.waiting)
        matches = [match for match, _number in zip(alike, range(hook.most), strict=False)]
        hook.came = time.monotonic()
        pool = self._slow if hook.is_slow else self._quick
        hook.sending = (pool.submit(self._post, hook, hook.owner, hook.target, matches), matches)

    def _post(self, hook: _Hook, owner: Filter, target: Target, matches: Sequence[Match]) -> Answer:
        body = slack_body(owner, matches, self._site) if target.slack else json_body(owner, matches)
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "splanc",
            TIMESTAMP: str(timestamp),
            SIGNATURE: sign(secret_of(self._secret, owner.id), timestamp, body),
            FILTER: str(owner.id),
            DELIVERY: delivery_of(owner.topic, matches),
        }
        began = time.monotonic()
        try:
            return self._poster.post(target.address, body, headers)
        finally:
            hook.is_slow = time.monotonic() - began > _SLOW_SECONDS

    def _settle(self, hook: _Hook, future: Future[Answer], matches: Sequence[Match]) -> dict[Partition, int]:
        hook.sending = None
        try:
            answer = future.result()
        except Exception as error:  # noqa: BLE001 - what one address leads to is no other's trouble
            self._failed(hook, str(error), 0.0)
            return {}
        if not answer.taken:
            if answer.status == _TOO_LARGE:
                hook.most = max(1, len(matches) // 2)
            self._failed(hook, f"it answers {answer.status} {answer.text}", answer.retry_seconds)
            return {}
        if hook.told:
            _log.info("webhook works again", filter=hook.owner.id)
        hook.failures, hook.told = 0, False
        for _match in matches:
            hook.waiting.popleft()
        self.taken += len(matches)
        self._metrics.matches.inc(len(matches))
        return {Partition(hook.owner.topic, match.partition): match.offset + 1 for match in matches}

    def _failed(self, hook: _Hook, why: str, retry_seconds: float) -> None:
        hook.failures += 1
        self._metrics.failures.labels("webhook").inc()
        pause_seconds = self._limits.retry_seconds * 2.0 ** min(hook.failures - 1, 30)
        hook.not_before = time.monotonic() + min(max(pause_seconds, retry_seconds), self._limits.retry_max_seconds)
        _log.debug("webhook not taken", filter=hook.owner.id, why=why, failures=hook.failures)
        if hook.failures >= self._limits.attempts and not hook.told:
            hook.told = self._on_failing(hook.owner, hook.target.told, why)
