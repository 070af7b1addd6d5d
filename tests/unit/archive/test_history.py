from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from splanc.archive._history import ASK, SEND, SKIP, Marks, Sources, judge, no_marks


def sources_of(packets: list[list[tuple[int, float]]]) -> Sources:
    rows = [(alert, number, mjd) for alert, packet in enumerate(packets) for number, mjd in packet]
    alert, ids, mjd = zip(*rows, strict=True) if rows else ((), (), ())
    return Sources(alert=np.array(alert, np.int32), ids=np.array(ids, np.int64), mjd=np.array(mjd, np.float64))


def judge_all(packets: list[list[tuple[int, float]]], marks: Marks) -> list[int]:
    n = len(packets)
    return judge(sources_of(packets), np.zeros(n, np.int64), np.ones(n, np.bool_), marks).tolist()


def test_first_sight_sends_all_and_then_only_what_is_new() -> None:
    marks = no_marks(1)
    assert judge_all([[(3, 3.0), (1, 1.0), (2, 2.0)]], marks) == [SEND] * 3
    assert judge_all([[(4, 4.0), (1, 1.0), (2, 2.0), (3, 3.0)]], marks) == [SEND, SKIP, SKIP, SKIP]
    assert judge_all([[(4, 4.0), (1, 1.0), (2, 2.0), (3, 3.0)]], marks) == [SKIP] * 4


def test_within_one_batch_a_packet_counts_on_the_one_before() -> None:
    assert judge_all([[(1, 1.0)], [(2, 2.0), (1, 1.0)]], no_marks(1)) == [SEND, SEND, SKIP]


def test_a_set_that_differs_is_asked_for() -> None:
    marks = no_marks(1)
    judge_all([[(1, 1.0), (2, 2.0)]], marks)
    assert judge_all([[(3, 3.0), (2, 2.0)]], marks) == [ASK, ASK], "the window slid on"
    assert judge_all([[(4, 4.0), (2, 2.0), (3, 3.0)]], marks) == [SEND, SKIP, SKIP], "the mark is the last packet's set"


def test_a_late_packet_leaves_the_mark_as_it_was() -> None:
    marks = no_marks(1)
    judge_all([[(1, 1.0), (2, 2.0), (3, 3.0)]], marks)
    assert judge_all([[(2, 2.0), (1, 1.0)]], marks) == [ASK, ASK]
    assert judge_all([[(4, 4.0), (1, 1.0), (2, 2.0), (3, 3.0)]], marks) == [SEND, SKIP, SKIP, SKIP]


def test_sources_listed_twice_do_not_cancel() -> None:
    marks = no_marks(1)
    judge_all([[(1, 1.0), (1, 1.0), (2, 2.0)]], marks)
    assert judge_all([[(9, 1.0), (9, 1.0), (2, 2.0)]], marks) == [ASK] * 3


def test_one_id_at_two_times_is_two_sources() -> None:
    marks = no_marks(1)
    judge_all([[(1, 1.0), (2, 2.0)]], marks)
    assert judge_all([[(1, 1.5), (2, 2.0)]], marks) == [ASK, ASK]


def test_alerts_without_object_send_all_and_unwanted_ones_nothing() -> None:
    marks = no_marks(1)
    sources = sources_of([[(1, 1.0)], [(2, 2.0), (3, 1.0)], [(4, 4.0)]])
    verdicts = judge(sources, np.array([0, -1, 0]), np.array([True, True, False]), marks)
    assert verdicts.tolist() == [SEND, SEND, SEND, SKIP]
    assert marks.n.tolist() == [1]


def test_a_mark_that_stays_is_not_written_again() -> None:
    marks = no_marks(1)
    judge_all([[(1, 1.0)]], marks)
    assert marks.changed.tolist() == [True]
    marks.changed[:] = False
    judge_all([[(1, 1.0)]], marks)
    assert marks.changed.tolist() == [False]


packet_lists = st.lists(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([-np.inf, 1.0, 2.0, 3.0])), min_size=1, max_size=6), min_size=1, max_size=12)


@given(packets=packet_lists, cuts=st.sets(st.integers(1, 11)))
def test_any_packets_in_any_batches_give_the_plain_union(packets: list[list[tuple[int, float]]], cuts: set[int]) -> None:
    marks = no_marks(1)
    archived: set[tuple[int, float]] = set()
    for begin, end in _batches(len(packets), cuts):
        batch = packets[begin:end]
        rows = [row for packet in batch for row in packet]
        verdicts = judge_all(batch, marks)
        archived |= {row for row, verdict in zip(rows, verdicts, strict=True) if verdict == SEND or (verdict == ASK and row not in archived)}
        assert archived == {row for packet in packets[:end] for row in packet}


def _batches(n: int, cuts: set[int]) -> list[tuple[int, int]]:
    bounds = [0, *sorted(cut for cut in cuts if cut < n), n]
    return list(itertools.pairwise(bounds))
