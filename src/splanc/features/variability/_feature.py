"""How a feature of the variability set describes its columns."""

from __future__ import annotations

import pyarrow as pa


def feature(name: str, unit: str, description: str, *, formula: str, needs: str, source: str, kind: pa.DataType | None = None) -> pa.Field:
    """Return a column as each series has it, with what the documentation prints of it.

    Parameters
    ----------
    name : without the series before it.
    unit : "" for none; a feature whose unit has nJy in it grows with the fluxes, the others do not.
    formula : in the words of `docs/reference/variability.md`.
    needs : without what it is NULL.
    source : who defined it.
    kind : None: float32.
    """
    metadata = {"unit": unit, "description": description, "formula": formula, "needs": needs, "source": source}
    return pa.field(name, pa.float32() if kind is None else kind, metadata=metadata)
