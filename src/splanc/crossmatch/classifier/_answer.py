"""From what was found to the classifier's answer: one row a position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .._answers import CLASSIFICATION_COLUMNS
from ._columns import Found, match_columns
from ._explain import explanations
from ._passes import Damage
from ._resolve import CLASSES, ORPHAN, SYNONYM, UNCLASSIFIED
from ._texts import ORPHAN_SUMMARY, describe
from ._words import texts_of

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
    said: Mapping[str, str],
) -> pa.Table:
    """Return `CLASSIFICATION_COLUMNS`, a row a position.

    Parameters
    ----------
    on_sky : which positions are on the sky, shape (n,).
    damages : what could not be searched.
    searches : names of the searches over each catalogue, by its number.
    said : columns that are the same in all rows.
    """
    n = len(on_sky)
    tops = np.flatnonzero(found.matches["rank"] == 1)
    codes, row = _classes(found, tops, on_sky, damages)
    columns = match_columns(found, tops)
    columns |= describe(columns)
    nearest = pa.array(row, mask=row < 0)
    answer = {name: column.take(nearest) for name, column in columns.items()}
    nothing = texts_of(codes == ORPHAN, [None, ORPHAN_SUMMARY])
    answer |= {name: pc.coalesce(answer[name], nothing) for name in ("summary", "description")}
    answer |= {name: pa.repeat(pa.scalar(text, pa.string()), n) for name, text in said.items()}
    answer["classification"] = texts_of(codes, CLASSES)
    answer["association_type"] = texts_of(codes, [*CLASSES[:UNCLASSIFIED], None])
    answer["explanation"] = pc.if_else(pa.array(on_sky), explanations(found, n, searches, damages), NOT_ON_SKY)
    answer["additional_output"] = pa.nulls(n, pa.string())
    return pa.table(answer, schema=CLASSIFICATION_COLUMNS)


def match_table(found: Found) -> pa.Table:
    """Return all matches, `MATCH_COLUMNS`, by position and rank."""
    columns = match_columns(found, np.arange(len(found.matches)))
    columns |= {"position": found.matches["position"], "rank": found.matches["rank"], "sm_axis_arcsec": columns["major_axis_arcsec"]}
    return pa.table(columns, schema=MATCH_COLUMNS)


def _classes(
    found: Found, tops: npt.NDArray[np.int64], on_sky: npt.NDArray[np.bool_], damages: Sequence[Damage]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the class of each position, and which of the first matches is its own, -1 where none is."""
    matches = found.matches.take(tops)
    codes, row = np.full(len(on_sky), ORPHAN), np.full(len(on_sky), -1)
    codes[matches["position"]], row[matches["position"]] = matches["classification"], np.arange(len(tops))
    codes[~on_sky] = UNCLASSIFIED
    in_doubt = np.zeros(len(on_sky), np.bool_)
    for damage in damages:
        in_doubt[damage.positions] = True
    in_doubt[matches["position"][matches["phase"] == SYNONYM]] = False
    codes[in_doubt], row[in_doubt] = UNCLASSIFIED, -1
    return codes, row
