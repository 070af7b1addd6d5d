"""The topics of filters: made before they are used, and passed over for a while when they do not take records.

One filter's topic must not stop all others. A topic that cannot be created, or that refuses records twice, is closed for ten
minutes: matches of its filter are withheld, and counted. What refuses once may only have been deleted, and is made anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

CLOSED_SECONDS = 600.0
"""How long a topic that does not take records is passed over before it is tried again."""

Create = Callable[[Collection[str]], Mapping[str, str]]
"""Creates those topics that are missing; returns those that cannot be, with the reason."""


class FilterTopics:
    """What a node knows of filters' topics.

    Parameters
    ----------
    create : see `Create`; may raise UpstreamError when Kafka is away.
    """

    def __init__(self, create: Create, clock: Callable[[], float] = time.monotonic) -> None:
        self._create = create
        self._clock = clock
        self._known: set[str] = set()
        self._suspected: set[str] = set()
        self._closed: dict[str, tuple[float, str]] = {}

    def closed(self, topics: Collection[str]) -> dict[str, str]:
        """Return those topics that are not to be sent to, with the reason; the others are there.

        Raises
        ------
        UpstreamError
            If Kafka does not answer.
        """
        now = self._clock()
        self._closed = {topic: (until, why) for topic, (until, why) in self._closed.items() if until > now}
        missing = [topic for topic in topics if topic not in self._known and topic not in self._closed]
        if missing:
            refused = self._create(missing)
            self._known.update(topic for topic in missing if topic not in refused)
            for topic, why in refused.items():
                self._close(topic, why)
        return {topic: self._closed[topic][1] for topic in topics if topic in self._closed}

    def doubt(self, topics: Collection[str]) -> None:
        """Take note that topics may not be there any more."""
        self._known.difference_update(topics)

    def refused(self, refusals: Mapping[str, str]) -> None:
        """Take note that a transaction was aborted because topics, all of them filters', did not take records."""
        for topic, why in refusals.items():
            if topic in self._suspected:
                self._close(topic, why)
            self._suspected.add(topic)

    def took(self, topics: Collection[str]) -> None:
        """Take note that topics took their records."""
        self._suspected.difference_update(topics)

    def _close(self, topic: str, why: str) -> None:
        self._closed[topic] = (self._clock() + CLOSED_SECONDS, why)
