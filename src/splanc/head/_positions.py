"""Where delivery goes on in the topics of filters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import structlog

from ..config import KafkaSettings
from ..kafka import end_offsets, oldest_offsets
from ..packet import Partition

_log = structlog.get_logger()


def positions(
    kafka: KafkaSettings,
    topics: Collection[str],
    marks: Callable[[Iterable[Partition]], Mapping[Partition, int]],
    known: Mapping[Partition, int],
) -> dict[Partition, tuple[int, int]]:
    """Return for each partition of the topics where to go on, and its end; topics that are missing have none.

    What Kafka deleted before it was delivered is logged. A mark behind the end is one of a topic that was made anew.

    Parameters
    ----------
    marks : asks Kafka for the marks of partitions.
    known : what was delivered, but may not be marked yet.
    """
    ends = end_offsets(kafka, topics)
    oldest = oldest_offsets(kafka, topics)
    marked = {**marks([place for place in ends if place not in known]), **known}
    found = {}
    for place, end in ends.items():
        first = oldest.get(place, 0)
        start = marked.get(place, first)
        if start < first:
            _log.error("matches deleted before they were delivered", topic=place.topic, partition=place.number, at_most=first - start)
        found[place] = (start if first <= start <= end else first, end)
    return found
