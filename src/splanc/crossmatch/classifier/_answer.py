"""From what was found to the classifier's answer: one row a position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from .._answers import CLASSIFICATION_COLUMNS
from ._columns import Found, match_columns, texts_of
from ._explain import explanations
from ._passes import Damage
from ._resolve import CLASSES, ORPHAN, SYNONYM, UNCLASSIFIED
from ._texts import ORPHAN_SUMMARY, describe

NOT_ON_SKY = '{"phase":"none","why":"the position is not on the sky"}'
"""Explanation of a position that is none."""

MATCH_COLUMNS = pa.schema(
    [
        pa.field("position", pa.int32()),
        pa.field("rank", pa.int32()),
        *(CLASSIFICATION_COLUMNS.field(name) for name in CLASSIFICATION_COLUMNS.names[1 : CLASSIFICATION_COLUMNS.names.index("classificationReliability") + 1]),
        CLASSIFICATION_COLUMNS.field("major_axis_arcsec").with_name("sm_axis_arcsec"),
    ]
)
"""What is said of each match, in the names of Lasair's crossmatches."""


def classification_table(
    found: Found,
    on_sky: npt.NDArray[np.bool_],
    damages: Sequence[Damage],
    *,
    searches: Sequence[Sequence[str]],
    absent: Sequence[str],
    said: Mapping[str, str],
) -> pa.Table:
    """Return `CLASSIFICATION_COLUMNS`, a row a position.

    Parameters
    ----------
    on_sky : which positions are on the sky, shape (n,).
    damages : what could not be searched.
    searches : names of the searches over each catalogue, by its number.
    absent : catalogues of the rules that are not there.
    said : columns that are the same in all rows.
    """
    n = len(on_sky)
    tops = np.flatnonzero(found.matches["rank"] == 1)
    codes, row = _classes(found, tops, on_sky, damages)
    columns = match_columns(found, tops)
    columns = columns.hstack(describe(columns))
    why = pl.when(pl.Series(on_sky)).then(explanations(found, n, searches, damages, absent)).otherwise(pl.lit(NOT_ON_SKY))
    known = pl.when(pl.Series(codes != UNCLASSIFIED)).then(texts_of(codes, CLASSES))
    nothing = pl.when(pl.Series(codes == ORPHAN)).then(pl.lit(ORPHAN_SUMMARY))
    answer = columns.select(pl.all().gather(row)).with_columns(
        classification=texts_of(codes, CLASSES),
        association_type=pl.coalesce("association_type", known),
        description=pl.coalesce("description", nothing),
        summary=pl.coalesce("summary", nothing),
        explanation=why,
    )
    same = {name: pa.repeat(pa.scalar(text, pa.string()), n) for name, text in said.items()}
    return as_arrow(answer, CLASSIFICATION_COLUMNS, same | {"additional_output": pa.nulls(n, pa.string())})


def match_table(found: Found) -> pa.Table:
    """Return all matches, `MATCH_COLUMNS`, by position and rank."""
    columns = match_columns(found, np.arange(len(found.matches)))
    columns = columns.with_columns(position=pl.Series(found.matches["position"]), rank=pl.Series(found.matches["rank"]), sm_axis_arcsec="major_axis_arcsec")
    return as_arrow(columns, MATCH_COLUMNS, {})


def as_arrow(columns: pl.DataFrame, schema: pa.Schema, others: Mapping[str, pa.Array]) -> pa.Table:
    """Return the columns of a schema as Arrow has them."""
    table = columns.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    arrays = [others[field.name] if field.name in others else table[field.name].combine_chunks().cast(field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _classes(found: Found, tops: npt.NDArray[np.int64], on_sky: npt.NDArray[np.bool_], damages: Sequence[Damage]) -> tuple[npt.NDArray[np.int64], pl.Series]:
    """Return the class of each position, and which of the first matches is its own, NULL where none is."""
    matches = found.matches.take(tops)
    codes, row = np.full(len(on_sky), ORPHAN), np.full(len(on_sky), -1)
    codes[matches["position"]], row[matches["position"]] = matches["classification"], np.arange(len(tops))
    codes[~on_sky] = UNCLASSIFIED
    in_doubt = np.zeros(len(on_sky), np.bool_)
    for damage in damages:
        in_doubt[damage.positions] = True
    in_doubt[matches["position"][matches["phase"] == SYNONYM]] = False
    codes[in_doubt], row[in_doubt] = UNCLASSIFIED, -1
    return codes, pl.Series(np.where(row < 0, 0, row)).set(pl.Series(row < 0), None)
