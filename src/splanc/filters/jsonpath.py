"""Paths into JSON documents: `$.a."b-c"[0]`."""

from __future__ import annotations

import re

PATH = re.compile(r"""\$(?:\.[A-Za-z_]\w*|\."[^"'\\\[\]{},]+"|\[\d{1,6}\])*""", re.ASCII)
"""What a path may be: names, quoted where they are no plain words, and places in lists."""

_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\."([^"]+)"|\[(\d+)\]""", re.ASCII)


def is_path(text: str) -> bool:
    """Return whether a text is a path to something inside a document.

    >>> is_path('$.a."b-c"[0]'), is_path("$"), is_path("$.b-c")
    (True, False, False)
    """
    return len(text) > 1 and PATH.fullmatch(text) is not None


def steps(path: str) -> list[str | int]:
    """Return a path's steps: names, and places in lists.

    >>> steps('$.a."b-c"[0]')
    ['a', 'b-c', 0]
    """
    return [int(place) if place else name or quoted for name, quoted, place in _STEP.findall(path)]
