from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.archive import topic_name


@pytest.mark.parametrize(
    ("owner", "name", "number", "topic"),
    [
        ("17", "SN-like candidates", 1, "lasair_17SN-likecandidates"),
        ("maria", "a_b.c-d", 1, "lasair_mariaa_b.c-d"),
        ("maria", "naïve; DROP TABLE", 1, "lasair_marianaveDROPTABLE"),
        ("maria", "超新星", 1, "lasair_maria"),
        ("maria", "超新星", 2, "lasair_maria_2"),
        ("m" * 60, "n" * 60, 1, "lasair_" + "m" * 57 + "m" * 3 + "n" * 60 + ""),
        ("m" * 60, "n" * 61 + "e", 1, "lasair_" + "m" * 57 + "mm" + "n" * 61 + "e"),
        ("m" * 60, "n" * 61 + "e", 12, "lasair_" + "m" * 57 + "n" * 60 + "e_12"),
    ],
)
def test_names_are_those_of_lasair(owner: str, name: str, number: int, topic: str) -> None:
    assert topic_name("lasair_", owner, name, number) == topic


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 9999))
def test_kafka_takes_every_name(owner: str, name: str, number: int) -> None:
    assert re.fullmatch(r"lasair_[A-Za-z0-9._-]{0,121}", topic_name("lasair_", owner, name, number))
