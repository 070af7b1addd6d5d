"""ZTF's names of objects as 64-bit ids, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

NO_OBJECT = 0
"""In the place of an id: no name of ZTF's form."""

FIRST_ID = 1 << 62
"""The id of `ZTF00aaaaaaa`. LSST's ids are packed from exposure, detector and a counter, and stay below 2^60 until 2040 and after."""

_LETTERS = 7
_PER_YEAR = 26**_LETTERS
_LAST_ID = FIRST_ID + 100 * _PER_YEAR - 1
_PREFIX = np.frombuffer(b"ZTF", np.uint8)
_LENGTH = len(_PREFIX) + 2 + _LETTERS


def object_ids(names: pa.Array) -> npt.NDArray[np.int64]:
    """Return the diaObjectId of each object, `NO_OBJECT` for what is no name, shape (n,).

    The year counts 26^7, the letters are a number of base 26 (a is 0).

    >>> object_ids(pa.array(["ZTF18abcdefg", "ZTF18", None])).tolist()
    [4611686163012821968, 0, 0]
    """
    ids = np.full(len(names), NO_OBJECT, np.int64)
    letters = _letters(names)
    rows = np.flatnonzero(np.diff(letters[0]) == _LENGTH)
    if not len(rows):
        return ids
    matrix = letters[1][letters[0][rows][:, None] + np.arange(_LENGTH)]
    digits = matrix[:, 3:5].astype(np.int64) - ord("0")
    places = matrix[:, 5:].astype(np.int64) - ord("a")
    good = (matrix[:, :3] == _PREFIX).all(axis=1) & ((digits >= 0) & (digits <= 9)).all(axis=1) & ((places >= 0) & (places < 26)).all(axis=1)
    numbers = (digits @ np.array([10, 1])) * _PER_YEAR + places @ 26 ** np.arange(_LETTERS - 1, -1, -1)
    ids[rows[good]] = FIRST_ID + numbers[good]
    return ids


def object_id(name: str) -> int:
    """Return the diaObjectId of one object, `NO_OBJECT` for what is no name.

    >>> object_id("ZTF18abcdefg")
    4611686163012821968
    """
    return int(object_ids(pa.array([name]))[0])


def object_name(diaObjectId: int) -> str | None:
    """Return ZTF's name of an object, None if the id is not one of ZTF's.

    >>> object_name(4611686163012821968)
    'ZTF18abcdefg'
    """
    if not FIRST_ID <= diaObjectId <= _LAST_ID:
        return None
    year, number = divmod(diaObjectId - FIRST_ID, _PER_YEAR)
    places = [number // 26**power % 26 for power in range(_LETTERS - 1, -1, -1)]
    return f"ZTF{year:02d}{''.join(chr(ord('a') + place) for place in places)}"


def _letters(names: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return where each name begins (and the last one ends), and the letters of all."""
    _, offsets, text = names.buffers()
    starts = np.frombuffer(offsets, np.int32, len(names) + 1, offset=4 * names.offset) if offsets else np.zeros(1, np.int32)
    return starts, np.frombuffer(text, np.uint8) if text else np.zeros(0, np.uint8)
