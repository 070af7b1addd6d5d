"""How a family describes its columns."""

from __future__ import annotations

import pyarrow as pa


def column(name: str, kind: pa.DataType, unit: str, description: str) -> pa.Field:
    """Return a column of `objects`, with its unit ("" for none) and what it means, as the documentation prints them."""
    return pa.field(name, kind, metadata={"unit": unit, "description": description})
