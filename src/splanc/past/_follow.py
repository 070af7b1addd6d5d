"""Following an object: its alerts as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..packet import Batch
from ._files import BATCH
from ._nights import OnDamage, find_in_file

_POLL_SECONDS = 0.5
"""Between two looks for new files; a node writes one a second at most."""


def follow_alerts(
    folder: Path, object_id: int, on_damage: OnDamage, *, key: str = "diaObjectId", should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Batch]:
    """Yield the alerts of an object that come from now on, a batch each, as soon as their rows are written.

    Parameters
    ----------
    folder : of all nights.
    key : the column of `alerts` that the id is in, `diaObjectId` or `ssObjectId`.
    should_stop : asked between two looks.
    """
    known = set(folder.glob(f"*/*{BATCH}"))
    while not should_stop():
        there = set(folder.glob(f"*/*{BATCH}"))
        for path in sorted(there - known):
            yield from find_in_file(path, object_id, on_damage, key=key)
        known = there
        time.sleep(_POLL_SECONDS)
