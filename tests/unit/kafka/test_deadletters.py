from __future__ import annotations

import numpy as np

from splanc.errors import PacketError
from splanc.kafka import dead_letters
from splanc.packet import Messages


def test_a_dead_letter_holds_the_packet_and_its_place() -> None:
    messages = Messages(
        values=[b"good", b"\x00bad", b""],
        topics=["a", "a", "b"],
        partitions=np.array([0, 1, 2], np.int32),
        offsets=np.array([10, 1 << 40, 12], np.int64),
        timestamps_ms=np.array([100, 101, 102], np.int64),
    )
    rejects = [(1, PacketError("too short", kind="truncated")), (2, PacketError("nothing, nicht größer", kind="empty"))]
    letters = dead_letters(rejects, messages)
    assert letters.values == [b"\x00bad", b""]
    assert letters.headers == [
        {"topic": b"a", "partition": b"1", "offset": b"1099511627776", "timestamp": b"101", "error": b"truncated", "text": b"too short"},
        {"topic": b"b", "partition": b"2", "offset": b"12", "timestamp": b"102", "error": b"empty", "text": "nothing, nicht größer".encode()},
    ]


def test_no_rejects_no_letters() -> None:
    nothing = np.array([], np.int64)
    messages = Messages(values=[], topics=[], partitions=nothing.astype(np.int32), offsets=nothing, timestamps_ms=nothing)
    letters = dead_letters([], messages)
    assert (letters.values, letters.headers) == ([], [])
