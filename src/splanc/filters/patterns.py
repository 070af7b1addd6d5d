"""Texts and regular expressions that mean the same to all engines; users have no expressions of their own."""

from __future__ import annotations

import re
import string

_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(text: str) -> str:
    """Return a text as it is compared: whatever the case of A to Z; of other letters engines disagree.

    >>> folded("Äpfel AND Birnen")
    'Äpfel and birnen'
    """
    return text.translate(_SMALL)


def literal(text: str) -> str:
    r"""Return a regular expression that matches a text as it is.

    >>> literal("a.b[")
    'a\\.b\\['
    """
    return re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", text)


def ends(side: str, part: str) -> str:
    r"""Return a regular expression that matches a part, as often as it stands before a text ("leading"), after it ("trailing"), or both.

    >>> ends("both", "x")
    '^(?:x)+|(?:x)+$'
    """
    before, after = f"^(?:{literal(part)})+", f"(?:{literal(part)})+$"
    return {"leading": before, "trailing": after, "both": f"{before}|{after}"}[side]
