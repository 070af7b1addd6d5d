"""What can become of a match, and ids as ranges: what those who read the ledger topic need too."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np


class Fate(IntEnum):
    """What becomes of a match."""

    published = 0
    silent = 1
    """The filter's output is none."""
    quota = 2
    """Withheld: the filter's quota is used up."""
    topic = 3
    """Withheld: the filter's topic does not take records."""
    size = 4
    """Withheld: the record is larger than any topic takes."""
    schema = 5
    """Withheld: the schema of the filter's records could not be registered."""


WITHHELD = (Fate.quota, Fate.topic, Fate.size, Fate.schema)
"""The fates of matches that their owner should have had."""


def in_ranges(numbers: Iterable[int]) -> str:
    """Return numbers as ranges, for example "1-50,52"."""
    ordered = np.unique(np.fromiter(numbers, np.int64))
    if not len(ordered):
        return ""
    breaks = np.flatnonzero(np.diff(ordered) > 1) + 1
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in np.split(ordered, breaks))


def from_ranges(text: str) -> list[int]:
    """Return the numbers of `in_ranges`."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
