"""Past nights in order: which are to be compacted, and which are deleted because they are too long ago.

Any number of processes, also of several machines, may look after one folder. Who compacts or deletes has its lock, which goes when
the process does, however it ends: then the next one that looks goes on.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..errors import UpstreamError, UserError
from ..night import night_now, night_of
from ._files import BATCH
from ._nights import COMPACTING, locked, nights_in

QUIET_SECONDS = 600.0
"""A night that is over is compacted by itself when nothing has come to it for so long: while a node that is behind still writes to it, its rows
would be sorted again and again."""


def try_folder(folder: Path) -> None:
    """Make the folder of all nights if it is not there, and see that it takes files and locks.

    Raises
    ------
    UserError
        If it does not; the message says what to do.
    """
    name = f"trial-{socket.gethostname()}-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            (folder / name).write_bytes(b"rows")
            with locked(folder, name, alone=True):
                pass
        finally:
            (folder / name).unlink(missing_ok=True)
    except (OSError, UpstreamError) as error:
        advice = "mount it, make room, give this user the right to write there, or set another filters.rows_folder; filters.rows_nights = 0 keeps no rows"
        raise UserError(f"cannot keep the rows that filters see in {folder}: {error}; {advice}") from error


def due_nights(folder: Path, *, quiet_seconds: float = 0.0) -> tuple[int, ...]:
    """Return the nights that are over and have files of batches, ascending.

    Parameters
    ----------
    folder : of all nights.
    quiet_seconds : only nights in whose folders nothing has changed for so long.
    """
    over = [night for night in nights_in(folder) if night < night_now()]
    quiet = [night for night in over if _changed(folder / str(night)) <= time.time() - quiet_seconds]
    return tuple(night for night in quiet if any((folder / str(night)).glob(f"*{BATCH}")))


def is_untidy(folder: Path, rows_nights: int) -> bool:
    """Whether a night is to be compacted or deleted, and nobody is at it.

    Parameters
    ----------
    folder : of all nights.
    rows_nights : how many nights are kept.

    Raises
    ------
    UpstreamError
        If the folder cannot be used.
    """
    if not (due_nights(folder, quiet_seconds=QUIET_SECONDS) or _too_old(folder, rows_nights)):
        return False
    with locked(folder, COMPACTING, alone=True, wait=False) as is_free:
        return is_free


def expire_nights(folder: Path, rows_nights: int, *, dry_run: bool = False, wait: bool = True) -> Iterator[tuple[int, int]]:
    """Delete the rows of nights that are too long ago, and yield each of these nights with its bytes.

    Rows that were written lately stay, whatever their night: somebody has replayed it to try filters on it.

    Parameters
    ----------
    folder : of all nights.
    rows_nights : how many nights are kept.
    dry_run : only yield what would be deleted.
    wait : whether to wait while another process compacts or deletes; if not, it is left to that one.

    Raises
    ------
    UpstreamError
        If a night cannot be deleted; call it again then.
    """
    for night in _too_old(folder, rows_nights):
        of_night = folder / str(night)
        size_bytes = sum(path.stat().st_size for path in of_night.rglob("*") if path.is_file())
        if dry_run or _deleted(folder, of_night, wait=wait):
            yield night, size_bytes


def _too_old(folder: Path, rows_nights: int) -> tuple[int, ...]:
    since = datetime.now(UTC) - timedelta(days=rows_nights)
    return tuple(night for night in nights_in(folder) if night < night_of(since) and _changed(folder / str(night)) < since.timestamp())


def _changed(of_night: Path) -> float:
    """Return when a file last came to a night or went, s since 1970."""
    try:
        return of_night.stat().st_mtime
    except FileNotFoundError:  # another process has deleted it since
        return time.time()


def _deleted(folder: Path, of_night: Path, *, wait: bool) -> bool:
    """Delete a night, and return whether it was this process that did."""
    with locked(folder, COMPACTING, alone=True, wait=wait) as is_mine:
        if not is_mine or not of_night.exists():
            return False
        try:
            with locked(of_night, alone=True):
                shutil.rmtree(of_night)
        except OSError as error:
            raise UpstreamError(f"cannot delete the rows in {of_night}: {error}; check the folder and its rights") from error
        return True
