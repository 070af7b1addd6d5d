"""Regular expressions that mean the same to all engines; users have none of their own."""

from __future__ import annotations

import re


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
