"""Which server answers for which part of the sky."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CELL_ORDER = 6
"""HEALPix order of the parts: cells of 0.84 square degrees, of which a field of view has some twenty, so that all servers share in it.
Tiles of the densest catalogues are about as large; those of sparse ones are larger, and several servers hold the same."""


def scores(servers: Sequence[str], cells: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return how much each server is meant for each cell, from 0 to 1, shape (n_cell, n_server): the one with the highest answers.

    Each pair has a number of its own that depends on nothing else. So a server that goes leaves the cells of all others where they are, and
    its own spread over all that are left (rendezvous hashing; Thaler & Ravishankar 1998, IEEE/ACM Trans. Networking 6, 1).

    Parameters
    ----------
    servers : their addresses, by which all nodes must know them.
    cells : HEALPix, NESTED, of order `CELL_ORDER`.

    >>> all_ = scores(["a:1", "b:1", "c:1"], np.arange(1000)).argmax(axis=1)
    >>> left = scores(["a:1", "b:1"], np.arange(1000)).argmax(axis=1)
    >>> bool((all_ == left)[all_ < 2].all()), bool(np.bincount(left[all_ == 2]).min() > 100)
    (True, True)
    """
    seeds = np.array([int.from_bytes(hashlib.blake2b(server.encode(), digest_size=8).digest(), "big") for server in servers], np.uint64)
    mixed = _mix(_mix(cells.astype(np.uint64))[:, None] ^ seeds[None, :])
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / (1 << 53))


def _mix(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return numbers in which each bit depends on all bits of what was given (the finalizer of SplitMix64; Steele et al. 2014, OOPSLA, 453)."""
    with np.errstate(over="ignore"):
        numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return numbers ^ (numbers >> np.uint64(31))
