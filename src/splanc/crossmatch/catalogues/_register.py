"""Which catalogues a shelf has: a mark for each, so that one whose folder is lost is missed."""

from __future__ import annotations

import shutil
from pathlib import Path

from ...disk import put_whole

WORK = ".work"
"""Folder on the shelf of what is not a catalogue yet, or no more."""

_MARKS = ".registered"


def registered(shelf: Path) -> list[str]:
    """Return the names of the catalogues that are or should be on a shelf, sorted."""
    if not shelf.is_dir():
        return []
    folders = {path.name for path in shelf.iterdir() if path.is_dir() and not path.name.startswith(".")}
    return sorted(folders | {path.name for path in (shelf / _MARKS).glob("*")})


def register(whole: Path, target: Path) -> None:
    """Put a whole catalogue on the shelf; one that has its name already makes way in the same moment, and is deleted then."""
    gone = _set_aside(target)
    put_whole(whole, target)
    marks = target.parent / _MARKS
    marks.mkdir(exist_ok=True)
    (marks / target.name).touch()
    shutil.rmtree(gone, ignore_errors=True)


def unregister(target: Path) -> None:
    """Take a catalogue from the shelf, whole, and then delete its files."""
    (target.parent / _MARKS / target.name).unlink(missing_ok=True)
    gone = _set_aside(target)
    if gone.exists():
        shutil.rmtree(gone)


def _set_aside(target: Path) -> Path:
    """Move a catalogue to where it is none any more, if it is there, and return that place."""
    gone = target.parent / WORK / f"{target.name}.gone"
    shutil.rmtree(gone, ignore_errors=True)
    if target.exists():
        gone.parent.mkdir(exist_ok=True)
        target.rename(gone)
    return gone
