"""Files that are there whole or not at all, also when the power fails."""

from __future__ import annotations

import os
from pathlib import Path


def to_disk(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def put_whole(partial: Path, path: Path) -> None:
    """Give a file or folder its name when the disk has it."""
    to_disk(partial)
    partial.replace(path)
    to_disk(path.parent)
