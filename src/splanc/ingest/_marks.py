"""The two marks of each partition that this node owns.

`published` is the consumer group's committed offset; it moves with the Kafka transaction that carries the outputs.
`archived` is a row of `ingest_mark`; it moves with the PostgreSQL transaction that carries the rows, by compare-and-set.
A node starts at the lower of the two and does, for each message, only the side that is not yet done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..packet import Messages, Partition


@dataclass(slots=True, kw_only=True)
class _Progress:
    published: int
    archived: int | None
    mark: int | None


class Marks:
    """How far this node is on both sides of the partitions it owns.

    `archived` here is the next offset to *hand* to the archive side: what waits in the cache lies between the mark in
    PostgreSQL and it. It is None while the archive cannot say where its mark is; then nothing is handed over.
    """

    def __init__(self) -> None:
        self._progress: dict[Partition, _Progress] = {}

    def reset(
        self,
        *,
        beginning: Mapping[Partition, int],
        committed: Mapping[Partition, int | None],
        archived: Mapping[Partition, int | None] | None,
    ) -> list[tuple[Partition, int, int]]:
        """Forget everything, and own these partitions with these marks.

        Parameters
        ----------
        beginning : the oldest offset that Kafka still has, for each partition owned.
        committed : the group's committed offsets; None where there is none yet.
        archived : the archive's marks; None where there is none yet, and None as a whole while the archive is away.

        Returns
        -------
        list of (partition, first offset lost, first offset kept)
            Messages that Kafka dropped before both sides were done with them. Empty unless retention was too short.
        """
        self._progress = {}
        lost = []
        for partition, first in beginning.items():
            published = committed.get(partition)
            mark = archived.get(partition) if archived is not None else None
            self._progress[partition] = _Progress(
                published=first if published is None else max(published, first),
                archived=None if archived is None else first if mark is None else max(mark, first),
                mark=first if mark is None else mark,
            )
            reached = [offset for offset in (published, mark) if offset is not None]
            if reached and min(reached) < first:
                lost.append((partition, min(reached), first))
        return lost

    @property
    def partitions(self) -> list[Partition]:
        """The partitions owned."""
        return list(self._progress)

    @property
    def archive_known(self) -> bool:
        """Whether the archive has said where its marks are."""
        return all(progress.archived is not None for progress in self._progress.values())

    def starts(self) -> dict[Partition, int]:
        """Return where to read each partition from."""
        return {p: progress.published if progress.archived is None else min(progress.published, progress.archived) for p, progress in self._progress.items()}

    def unpublished(self, messages: Messages) -> npt.NDArray[np.bool_]:
        """Return which messages the publish side has yet to do, shape (n_message,)."""
        return self._at_or_after(messages, {p: progress.published for p, progress in self._progress.items()})

    def unarchived(self, messages: Messages) -> npt.NDArray[np.bool_]:
        """Return which messages are yet to be handed to the archive side, shape (n_message,)."""
        return self._at_or_after(messages, {p: progress.archived for p, progress in self._progress.items() if progress.archived is not None})

    def next_offsets(self, messages: Messages, wanted: npt.NDArray[np.bool_]) -> dict[Partition, int]:
        """Return one past the last wanted message of each partition that has any."""
        return {p: int(messages.offsets[rows & wanted].max()) + 1 for p, rows in messages.by_partition() if (rows & wanted).any()}

    def spans(self, messages: Messages, wanted: npt.NDArray[np.bool_]) -> dict[Partition, tuple[int, int]]:
        """Return, for each partition with wanted messages, the mark that must be found in the archive and the one to set."""
        spans = {}
        for partition, following in self.next_offsets(messages, wanted).items():
            mark = self._progress[partition].mark
            assert mark is not None
            spans[partition] = (mark, following)
        return spans

    def publish(self, offsets: Mapping[Partition, int]) -> None:
        """Note that the publish side has done everything before these offsets."""
        for partition, offset in offsets.items():
            self._progress[partition].published = offset

    def hand_over(self, spans: Mapping[Partition, tuple[int, int]]) -> None:
        """Note that these spans were handed to the archive side."""
        for partition, (_, following) in spans.items():
            self._progress[partition].archived = following
            self._progress[partition].mark = following

    def lags(self, ends: Mapping[Partition, int]) -> tuple[float, float]:
        """Return how many offsets are yet to be published and to be handed to the archive side, given each partition's end.

        The second is NaN while the archive cannot say where its marks are.
        """
        known = [(ends[partition], progress) for partition, progress in self._progress.items() if partition in ends]
        published = sum(end - progress.published for end, progress in known)
        handed = sum(math.nan if progress.archived is None else end - progress.archived for end, progress in known)
        return max(0, published), handed if math.isnan(handed) else max(0, handed)

    def report(self) -> dict[str, list[int | None]]:
        """Return [published, handed to the archive side] by `topic/partition`, as JSON holds it."""
        return {f"{p.topic}/{p.number}": [progress.published, progress.archived] for p, progress in sorted(self._progress.items())}

    @staticmethod
    def _at_or_after(messages: Messages, starts: Mapping[Partition, int]) -> npt.NDArray[np.bool_]:
        wanted = np.zeros(len(messages), dtype=np.bool_)
        for partition, rows in messages.by_partition():
            if partition in starts:
                wanted |= rows & (messages.offsets >= starts[partition])
        return wanted
