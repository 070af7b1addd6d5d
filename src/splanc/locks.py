"""Locks between processes: a file that one of them has locked, or several share.

The kernel frees a lock with the process that has it, however that ends, so none is ever left behind. The file stays: were it
deleted, one process could have the lock of the old file and another that of a new one.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Have a lock while this is open; yielded is whether this process has it, which it always has if it waits.

    Parameters
    ----------
    path : of the lock's file, in a folder that is there; made when it is not.
    shared : whether others that share it may have it too.
    wait : whether to wait for others that have it.

    Raises
    ------
    OSError
        If the file cannot be opened, or its file system has no locks.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
            is_mine = True
        except BlockingIOError:
            is_mine = False
        yield is_mine
