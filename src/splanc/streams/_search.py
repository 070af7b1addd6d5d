"""Which topics refuse records, where Kafka says only that some topic of a transaction does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

Trial: TypeAlias = Callable[[Sequence[str]], str | None]
"""Sends a record to each of some topics, and takes it back; returns why they were not taken, None if all were."""


def refusing(topics: Sequence[str], own: Sequence[str], trial: Trial) -> dict[str, str]:
    """Return those of some topics that do not take records, each with the reason; none, if it may be Kafka that is to blame.

    Tried are groups, and each topic by itself in a group that is refused. A refusal mostly takes as long as a transaction may, seconds, where
    records that are taken take milliseconds: so a topic that refuses is met twice, as halves of halves would meet it often.

    Parameters
    ----------
    own : splanc's own topics; while these do not take records either, nothing is known of others.
    trial : see `Trial`.
    """
    if not topics or trial(own) is not None:
        return {}
    size = math.isqrt(len(topics) - 1) + 1
    found = {}
    for group in (topics[first : first + size] for first in range(0, len(topics), size)):
        if trial(group) is not None:
            found.update({topic: why for topic in group if (why := trial([topic])) is not None})
    return found if not found or trial(own) is None else {}
