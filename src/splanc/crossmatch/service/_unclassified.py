"""What is said of a position when nothing can be said."""

from __future__ import annotations

import json

import pyarrow as pa

from ... import __version__
from .._answers import CLASSIFICATION_COLUMNS, UNCLASSIFIED


def unclassified(n_positions: int, why: str) -> pa.Table:
    """Return answers (`CLASSIFICATION_COLUMNS`) that say why there is none; a backfill asks again."""
    said = {
        "classification": UNCLASSIFIED,
        "association_type": UNCLASSIFIED,
        "annotator": f"splanc {__version__}",
        "description": f"Not classified: {why}.",
        "summary": f"Not classified: {why}.",
        "explanation": json.dumps({"phase": "none", "unclassified": why}),
        "software_version": __version__,
    }
    columns = [pa.repeat(pa.scalar(said.get(field.name), field.type), n_positions) for field in CLASSIFICATION_COLUMNS]
    return pa.table(columns, schema=CLASSIFICATION_COLUMNS)
