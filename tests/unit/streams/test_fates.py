from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from splanc.streams import from_ranges
from splanc.streams._fates import in_ranges


def test_numbers_in_ranges() -> None:
    assert in_ranges([]) == ""
    assert in_ranges([7]) == "7"
    assert in_ranges([9, 1, 2, 3, 7, 10, 2]) == "1-3,7,9-10"


@given(st.sets(st.integers(0, 60)))
def test_ranges_come_back(numbers: set[int]) -> None:
    assert from_ranges(in_ranges(numbers)) == sorted(numbers)
