"""The checksum is XXH64, as published."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.archive.checksums import checksum, checksum_ranges, checksum_rows

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & MASK


def _round(lane: int, word: int) -> int:
    return _rotate((lane + word * P2) & MASK, 31) * P1 & MASK


def plain_xxh64(data: bytes, seed: int = 0) -> int:
    """XXH64 by its specification, in Python's integers."""
    at, total = 0, (seed + P5) & MASK
    if len(data) >= 32:
        lanes = [(seed + P1 + P2) & MASK, (seed + P2) & MASK, seed, (seed - P1) & MASK]
        while at + 32 <= len(data):
            lanes = [_round(lane, int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "little")) for i, lane in enumerate(lanes)]
            at += 32
        total = sum(_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & MASK
        for lane in lanes:
            total = ((total ^ _round(0, lane)) * P1 + P4) & MASK
    total = (total + len(data)) & MASK
    while at + 8 <= len(data):
        total = (_rotate(total ^ _round(0, int.from_bytes(data[at : at + 8], "little")), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= len(data):
        total = (_rotate(total ^ (int.from_bytes(data[at : at + 4], "little") * P1 & MASK), 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        total = _rotate(total ^ (byte * P5 & MASK), 11) * P1 & MASK
    total = (total ^ total >> 33) * P2 & MASK
    total = (total ^ total >> 29) * P3 & MASK
    return total ^ total >> 32


@pytest.mark.parametrize(
    ("data", "published"),
    [(b"", 0xEF46DB3751D8E999), (b"abc", 0x44BC2CF5AD770999), (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1)],
)
def test_published_sums(data: bytes, published: int) -> None:
    assert checksum(data) & MASK == published


@given(data=st.binary(max_size=300), seed=st.integers(-(1 << 63), (1 << 63) - 1), shift=st.integers(0, 9))
def test_any_bytes_at_any_address(data: bytes, seed: int, shift: int) -> None:
    shifted = memoryview(b"#" * shift + data)[shift:]
    assert checksum(shifted, seed) & MASK == plain_xxh64(data, seed & MASK)


@given(pieces=st.lists(st.none() | st.binary(max_size=80), min_size=3, max_size=3))
def test_ranges_are_chained_by_seed(pieces: list[bytes | None]) -> None:
    data = b"".join(b"-" + (piece or b"") for piece in pieces)
    lengths = np.array([-1 if piece is None else len(piece) for piece in pieces])
    starts = np.cumsum(lengths.clip(0) + 1) - lengths.clip(0)
    expected = 0
    for piece in pieces:
        expected = expected if piece is None else checksum(piece, expected)
    assert checksum_ranges(data, starts, lengths) == expected
    assert checksum_rows(data, starts[None], lengths[None]).tolist() == [expected]
