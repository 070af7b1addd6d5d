"""Answers as people and programs know them from Lasair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..classifier import Classified

QUERY_NAME = "query0"
"""What an answer calls a position that has no name."""


def as_json(names: Sequence[str], classified: Classified, *, lite: bool) -> dict[str, Any]:
    """Return what is said of positions in the shape that Sherlock's users know.

    Parameters
    ----------
    names : of the positions, shape (n,), in order.
    classified : with matches.
    lite : whether of each position only the best match is wanted.
    """
    said = zip(names, *(classified.classifications[column].to_pylist() for column in ("classification", "description")), strict=True)
    matches = [] if classified.matches is None else classified.matches.to_pylist()
    crossmatches = [
        {"transient_object_id": names[match.pop("position")], **{key: _finite(value) for key, value in match.items()}}
        for match in matches
        if match["rank"] == 1 or not lite
    ]
    return {"classifications": {name: [kind, description] for name, kind, description in said}, "crossmatches": crossmatches}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
