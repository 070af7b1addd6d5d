"""Compiling before the first batch."""

from __future__ import annotations

from . import _history, checksums


def warm() -> None:
    """Compile what the archive side runs, or load what was compiled before, so that the first batch does not wait for it."""
    _history.warm()
    checksums.warm()
