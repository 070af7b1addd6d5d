"""Texts of many rows at once. Arrow's functions make them: a call of one costs microseconds, so that a batch of few alerts is cheap too."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def joined(*parts: pa.Array | str) -> pa.Array:
    """Return the parts of each row one behind the other, shape (n,); NULL where a part is."""
    return pc.binary_join_element_wise(*parts, "")


def joined_if(*parts: pa.Array | str) -> pa.Array:
    """Return the same, but empty where a part is NULL."""
    return pc.coalesce(joined(*parts), "")


def numbers(values: pa.Array | npt.NDArray[Any], decimals: int) -> pa.Array:
    """Return numbers rounded, as text, shape (n,); NULL where a number is, or is NaN."""
    # Adding 0 makes 0 of -0.
    return pc.add(pc.round(pa.array(values, from_pandas=True), decimals), 0.0).cast(pa.string())


def texts_of(codes: npt.NDArray[Any], texts: Sequence[str | None]) -> pa.Array:
    """Return the text of each code, shape (n,)."""
    return pa.array(texts, pa.string()).take(pa.array(codes.astype(np.int64)))


def texts_of_pairs(small: npt.NDArray[np.int16], bits: npt.NDArray[np.uint64], say: Callable[[int, int], str]) -> pa.Array:
    """Return the text of each pair of a small number and some bits, shape (n,): each different pair is asked once, since there are few."""
    few, codes = np.unique(bits, return_inverse=True)
    most = int(small.max(initial=0)) + 1
    keys = codes * most + small
    texts = [""] * (len(few) * most)
    for key in np.flatnonzero(np.bincount(keys, minlength=len(texts))).tolist():
        texts[key] = say(key % most, int(few[key // most]))
    return texts_of(keys, texts)


def lists_of(texts: pa.Array, positions: npt.NDArray[np.int32], n: int) -> pa.Array:
    """Return the texts of each of n positions, one behind the other, with commas; rows ascend by position."""
    starts = np.searchsorted(positions, np.arange(n + 1, dtype=np.int32)).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(starts), texts), ",")


def as_json(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def json_texts(texts: pa.Array) -> pa.Array:
    """Return texts as JSON, NULL as null; only those with a character that needs it are written one by one."""
    plain = joined('"', texts, '"')
    special = pc.match_substring_regex(texts, r'["\\\x00-\x1f]').fill_null(fill_value=False)
    if pc.any(special).as_py():
        plain = pc.replace_with_mask(plain, special, pa.array([json.dumps(text) for text in texts.filter(special).to_pylist()], pa.string()))
    return pc.coalesce(plain, "null")
