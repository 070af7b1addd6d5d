from __future__ import annotations

import numpy as np

from splanc.crossmatch.service._object_index import FILE_SHIFT, NOWHERE, ObjectIndex


def test_it_is_a_dictionary() -> None:
    """Ids that follow each other, that differ in their first bits only, that are negative, and 0."""
    random = np.random.default_rng(3)
    pools = [np.arange(2000), np.arange(2000) << 44, -np.arange(1, 2000), random.integers(-(2**63), 2**63 - 1, 2000), np.zeros(1, np.int64)]
    ids = random.permutation(np.unique(np.concatenate(pools)))
    index = ObjectIndex(len(ids))
    known: dict[int, int] = {}
    for file, some in enumerate(np.array_split(ids[: len(ids) // 2], 7)):
        assert index.has_room(len(some))
        index.add(some, file, np.arange(file + 1))
        known |= {int(one): (file << FILE_SHIFT) | row for row, one in enumerate(some)}
    assert index.find(ids).tolist() == [known.get(int(one), NOWHERE) for one in ids]
    assert index.n_objects == len(known)


def test_the_youngest_answer_stands() -> None:
    index = ObjectIndex(10)
    stamps = np.array([20, 30, 10])
    for file in range(3):
        index.add(np.array([5, 6 + file]), file, stamps)
    assert (index.find(np.array([5, 6, 7, 8, 9])) >> FILE_SHIFT).tolist() == [1, 0, 1, 2, NOWHERE]
    index.add(np.array([1, 1]), 1, stamps)
    assert index.find(np.array([1])).tolist() == [(1 << FILE_SHIFT) | 1]


def test_it_says_when_it_is_full() -> None:
    index = ObjectIndex(3000)
    assert index.has_room(3000)
    assert not index.has_room(5000)
    index.add(np.arange(3000), 0, np.array([1]))
    assert not index.has_room(3000)
