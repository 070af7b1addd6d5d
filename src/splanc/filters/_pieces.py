"""Values as pieces of JSON text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

_MOMENT = "%Y-%m-%d %H:%M:%S%.f"
"""Moments are spelt as Lasair spells them, in UTC; a fraction of a second only if there is one."""


class Pieces(NamedTuple):
    """Pieces of text: all bytes, and where each piece begins in them and how long it is, shape (n,)."""

    text: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


def pieces_of(values: pl.Series) -> Pieces:
    """Return values as JSON has them: finite floats with the digits that their type needs, moments as text."""
    if values.dtype == pl.String:
        return _quoted(values)
    texts = '"' + values.dt.strftime(_MOMENT) + '"' if values.dtype.is_temporal() else values.cast(pl.String)
    return _pieces(texts.fill_null("null"), 0, 0)


def _quoted(values: pl.Series) -> Pieces:
    """Return texts in quotes, with what JSON wants escaped: the encoder knows objects only, so each is taken out of one."""
    encoded = values.alias("v").to_frame().select(pl.struct("v").struct.json_encode()).to_series()
    return _pieces(encoded, len('{"v":'), len("}"))


def _pieces(texts: pl.Series, before: int, after: int) -> Pieces:
    _, offsets, data = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()
    ends = np.frombuffer(offsets, np.int64, len(texts) + 1)
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return Pieces(text, ends[:-1] + before, np.diff(ends) - before - after)
