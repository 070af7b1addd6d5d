"""Keeping the folder of answers in order: small files merged, old ones deleted, by one process at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ...locks import file_lock
from ._answer_files import ENDING, PARTIAL, AnswerFile, write_answers

_MERGED = 8
"""How many files of about the same size become one: fewer, and a row is written often; more, and there are many files to look into."""

_LARGEST_SHARE = 8
"""A file is at most this part of the bound, so that little is lost with the oldest."""

_PARTIAL_SECONDS = 600.0
"""A file that is still being written after so long was left by a process that was killed, seconds."""


def keep_house(root: Path, folder: Path, files: Sequence[AnswerFile], max_bytes: int) -> None:
    """Merge small files of one version, and delete the oldest files of all versions, unless another process is at it.

    Parameters
    ----------
    root : folder of the folders of all versions.
    folder : that of one version …
    files : … and its files, the oldest first.
    max_bytes : of all files in `root`.

    Raises
    ------
    OSError
        If there is no room, or no right to write.
    """
    with file_lock(root / "lock", wait=False) as is_mine:
        if not is_mine:
            return
        merged = to_merge(files, max_bytes // _LARGEST_SHARE)
        if merged and all(file.path is not None and file.path.exists() for file in merged):
            write_answers(folder, merged)
            for file in merged:
                assert file.path is not None
                file.path.unlink(missing_ok=True)
        _delete_oldest(root, max_bytes)


def to_merge(files: Sequence[AnswerFile], largest_bytes: int) -> list[AnswerFile]:
    """Return which of the youngest files should become one: eight or more that are alike, or smaller; none if there are not so many.

    Parameters
    ----------
    files : the oldest first.
    largest_bytes : size that a file may have.
    """
    for most in (_MERGED**power for power in range(1, 22)):
        if most * _MERGED > largest_bytes:
            return []
        run = _youngest_up_to(files, most)
        if len(run) >= _MERGED:
            return _within(run, largest_bytes)
    return []


def _youngest_up_to(files: Sequence[AnswerFile], size_bytes: int) -> list[AnswerFile]:
    """Return the files after the last one that is larger."""
    larger = [number for number, file in enumerate(files) if file.size_bytes > size_bytes]
    return list(files[larger[-1] + 1 if larger else 0 :])


def _within(files: list[AnswerFile], size_bytes: int) -> list[AnswerFile]:
    """Return as many of the youngest as fit into one."""
    total = 0
    for number, file in enumerate(reversed(files)):
        total += file.size_bytes
        if total > size_bytes:
            return files[len(files) - number :]
    return files


def _delete_oldest(root: Path, max_bytes: int) -> None:
    """Delete the oldest files until the rest is within the bound, and what killed processes left."""
    sizes = {path: size for path in root.glob(f"*/*{ENDING}") if (size := _size(path)) is not None}
    excess = sum(sizes.values()) - max_bytes
    for path in sorted(sizes, key=lambda path: path.name):
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= sizes[path]
    for path in root.glob(f"*/*{PARTIAL}"):
        if path.stat().st_mtime < time.time() - _PARTIAL_SECONDS:
            path.unlink(missing_ok=True)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
