"""Where the newest answer of each object is: a hash table in compiled loops."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

Ids: TypeAlias = npt.NDArray[np.int64]

FILE_SHIFT = 32
"""A place is one number: that of the file, and in so many last bits the row in it."""

NOWHERE = np.int64(-1)
"""The place of what is not there."""

_SMALLEST = 1 << 12
"""Slots of the smallest table."""

_FULLEST = 0.5
"""Share of the slots that may be taken: fuller, and a look-up takes many steps."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: in a product with it, every bit of an id counts in the first bits (Knuth, TAOCP 3, section 6.4)."""


class ObjectIndex:
    """The place of the newest answer of each object.

    Parameters
    ----------
    n_objects : how many objects it has to hold.
    """

    def __init__(self, n_objects: int) -> None:
        slots = _SMALLEST
        while slots * _FULLEST < n_objects:
            slots *= 2
        self._ids = np.zeros(slots, np.int64)
        self._places = np.full(slots, NOWHERE, np.int64)
        self.n_objects = 0

    def has_room(self, n_objects: int) -> bool:
        """Return whether so many objects more may be added."""
        return self.n_objects + n_objects <= len(self._ids) * _FULLEST

    def add(self, object_id: Ids, file: int, stamps: Ids) -> None:
        """Say that a file has answers of these objects, row by row; of an object's answers that with the greatest stamp stands.

        Parameters
        ----------
        object_id : of each row of the file, shape (n,); there must be room.
        file : number of the file.
        stamps : age of each file by its number, greater for younger, shape (n_file,).
        """
        self.n_objects += _add(self._ids, self._places, object_id, file, stamps)

    def find(self, object_id: Ids) -> Ids:
        """Return the place of each object's answer, shape (n,); `NOWHERE` if there is none."""
        return np.asarray(_find(self._ids, self._places, object_id))


def warm() -> None:
    """Compile what is compiled, so that the first batch does not wait for it."""
    index = ObjectIndex(1)
    index.add(np.zeros(1, np.int64), 0, np.zeros(1, np.int64))
    index.find(np.zeros(1, np.int64))


@njit(cache=True, nogil=True)
def _slot(ids: Any, places: Any, object_id: int) -> Any:
    """Return the slot that an object has, or will have."""
    mask = len(ids) - 1
    spread = np.uint64(object_id) * _GOLDEN
    slot = np.int64(spread ^ (spread >> np.uint64(32))) & mask
    while places[slot] != NOWHERE and ids[slot] != object_id:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _add(ids: Any, places: Any, object_id: Any, file: int, stamps: Any) -> int:
    new = 0
    for row in range(len(object_id)):
        slot = _slot(ids, places, object_id[row])
        place = places[slot]
        new += place == NOWHERE
        if place == NOWHERE or stamps[place >> FILE_SHIFT] <= stamps[file]:
            ids[slot] = object_id[row]
            places[slot] = (file << FILE_SHIFT) | row
    return new


@njit(cache=True, nogil=True)
def _find(ids: Any, places: Any, object_id: Any) -> Any:
    found = np.empty(len(object_id), np.int64)
    for i in range(len(object_id)):
        found[i] = places[_slot(ids, places, object_id[i])]
    return found
