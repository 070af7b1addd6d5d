from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.ingest import Marks
from splanc.packet import Messages, Partition

A, B, C = Partition("a", 0), Partition("a", 1), Partition("b", 0)


def marks_of(
    *,
    beginning: dict[Partition, int],
    committed: dict[Partition, int | None] | None = None,
    archived: dict[Partition, int | None] | None,
) -> tuple[Marks, list[tuple[Partition, int, int]]]:
    marks = Marks()
    return marks, marks.reset(beginning=beginning, committed=committed or {}, archived=archived)


def messages_at(*places: tuple[Partition, int]) -> Messages:
    return Messages(
        values=[b"x"] * len(places),
        topics=[partition.topic for partition, _ in places],
        partitions=np.array([partition.number for partition, _ in places], np.int32),
        offsets=np.array([offset for _, offset in places], np.int64),
        timestamps_ms=np.zeros(len(places), np.int64),
    )


@pytest.mark.parametrize(
    ("committed", "archived", "start", "mark", "lost"),
    [
        (None, None, 10, 10, []),
        (20, 15, 15, 15, []),
        (15, 20, 15, 20, []),
        (20, None, 10, 10, []),
        (None, 20, 10, 20, []),
        (10, 10, 10, 10, []),
        (7, 12, 10, 12, [(A, 7, 10)]),
        (12, 7, 10, 7, [(A, 7, 10)]),
        (3, 7, 10, 7, [(A, 3, 10)]),
        (None, 7, 10, 7, [(A, 7, 10)]),
        (0, None, 10, 10, [(A, 0, 10)]),
    ],
)
def test_a_node_starts_at_the_lower_mark_and_says_what_retention_took(
    committed: int | None, archived: int | None, start: int, mark: int, lost: list[tuple[Partition, int, int]]
) -> None:
    """Kafka keeps what begins at 10; the mark that must be found in the archive stays where it is even when its messages are gone."""
    marks, found = marks_of(beginning={A: 10}, committed={A: committed}, archived={A: archived})
    assert found == lost
    assert marks.starts() == {A: start}
    messages = messages_at((A, 25))
    assert marks.spans(messages, marks.unarchived(messages)) == {A: (mark, 26)}


def test_each_message_is_wanted_by_the_sides_that_lack_it() -> None:
    marks, _ = marks_of(beginning={A: 0, B: 0}, committed={A: 5, B: 2}, archived={A: 3, B: 4})
    messages = messages_at((A, 3), (A, 4), (A, 5), (B, 2), (B, 3), (B, 4), (C, 9))
    assert marks.unpublished(messages).tolist() == [False, False, True, True, True, True, False]
    assert marks.unarchived(messages).tolist() == [True, True, True, False, False, True, False]
    assert marks.next_offsets(messages, marks.unpublished(messages)) == {A: 6, B: 5}


def test_without_the_archive_nothing_is_handed_over_and_publishing_goes_on() -> None:
    marks, lost = marks_of(beginning={A: 0, B: 3}, committed={A: 5, B: None}, archived=None)
    assert (lost, marks.archive_known) == ([], False)
    assert marks.starts() == {A: 5, B: 3}
    messages = messages_at((A, 4), (A, 5), (B, 3))
    assert marks.unarchived(messages).tolist() == [False, False, False]
    assert marks.unpublished(messages).tolist() == [False, True, True]
    assert marks.report() == {"a/0": [5, None], "a/1": [3, None]}


def test_reset_forgets_what_was() -> None:
    marks, _ = marks_of(beginning={A: 0, B: 0}, archived=None)
    marks.publish({A: 9})
    assert marks.reset(beginning={A: 0}, committed={A: 4}, archived={A: 4}) == []
    assert marks.partitions == [A]
    assert marks.archive_known
    assert marks.report() == {"a/0": [4, 4]}


def test_a_node_without_partitions_knows_all_about_them() -> None:
    marks = Marks()
    assert (marks.partitions, marks.starts(), marks.archive_known, marks.lags({}), marks.report()) == ([], {}, True, (0, 0), {})


def test_the_next_span_begins_where_the_last_one_ended_across_gaps() -> None:
    """Transaction markers and compaction leave gaps between offsets; the marks pass over them."""
    marks, _ = marks_of(beginning={A: 0}, archived={A: None})
    first = messages_at((A, 0), (A, 3))
    spans = marks.spans(first, marks.unarchived(first))
    assert spans == {A: (0, 4)}
    marks.hand_over(spans)
    assert not marks.unarchived(first).any()
    second = messages_at((A, 9), (A, 7))
    assert marks.spans(second, marks.unarchived(second)) == {A: (4, 10)}


def test_a_partition_without_wanted_messages_has_no_span() -> None:
    marks, _ = marks_of(beginning={A: 0, B: 0}, archived={A: 5, B: 0})
    messages = messages_at((A, 4), (B, 4))
    assert marks.spans(messages, marks.unarchived(messages)) == {B: (0, 5)}


def test_lags_are_counted_to_the_ends_that_are_known() -> None:
    marks, _ = marks_of(beginning={A: 0, B: 0}, committed={A: 4, B: 8}, archived={A: 1, B: 8})
    assert marks.lags({A: 10, B: 10}) == (8, 11)
    assert marks.lags({A: 10}) == (6, 9)
    assert marks.lags({A: 4, C: 99}) == (0, 3)
    assert marks.lags({A: 0, B: 0}) == (0, 0)
    marks.publish({A: 10, B: 10})
    assert marks.lags({A: 10, B: 10}) == (0, 11)


def test_the_archives_lag_is_not_known_while_the_archive_is_away() -> None:
    marks, _ = marks_of(beginning={A: 0}, committed={A: 4}, archived=None)
    published, handed = marks.lags({A: 10})
    assert published == 6
    assert math.isnan(handed)


def test_the_report_is_json_in_the_order_of_the_partitions() -> None:
    marks, _ = marks_of(beginning={C: 0, B: 0, A: 0}, committed={A: 1, B: 2, C: 3}, archived={A: 4, B: 5, C: 6})
    assert json.loads(json.dumps(marks.report())) == {"a/0": [1, 4], "a/1": [2, 5], "b/0": [3, 6]}
    assert list(marks.report()) == ["a/0", "a/1", "b/0"]


@settings(max_examples=30)
@given(published=st.integers(0, 12), archived=st.integers(0, 12), sizes=st.lists(st.integers(1, 5), max_size=6))
def test_reading_from_the_start_in_any_batches_does_each_side_once(published: int, archived: int, sizes: list[int]) -> None:
    marks, _ = marks_of(beginning={A: 0}, committed={A: published}, archived={A: archived})
    done: tuple[list[int], list[int]] = ([], [])
    mark = archived
    at = marks.starts()[A]
    for size in sizes:
        messages = messages_at(*((A, offset) for offset in range(at, at + size)))
        at += size
        wanted = marks.unpublished(messages)
        done[0].extend(messages.offsets[wanted].tolist())
        marks.publish(marks.next_offsets(messages, wanted))
        spans = marks.spans(messages, marks.unarchived(messages))
        done[1].extend(messages.offsets[marks.unarchived(messages)].tolist())
        if A in spans:
            assert spans[A] == (mark, at)
            mark = at
        marks.hand_over(spans)
    assert done == (list(range(published, at)), list(range(archived, at)))
