"""Answers that were given before, kept for all processes of this machine.

Each process writes what it was told into files of its own in the folder of the answers' version, and maps the files of all others, which it looks for
every few seconds. Files are never changed: small ones are merged into larger ones, and the oldest deleted, by whichever process comes first.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from ._answer_files import ENDING, KEPT_COLUMNS, AnswerFile, AnswersDamaged, in_memory, read_answers, write_answers
from ._asked import Asked
from ._house import keep_house
from ._object_index import FILE_SHIFT, NOWHERE, Ids, ObjectIndex
from ._packed import PACKED_COLUMNS, pack, unpack

_log = structlog.get_logger()

KEEP_SECONDS = 10.0
"""How often new answers are written, and those of other processes looked for, seconds: an object is seldom seen again sooner."""

_MOST_ROWS = 20_000
"""… or as soon as so many new ones are in memory: some 20 MB."""

_ROW_MASK = (1 << FILE_SHIFT) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """How long an answer holds.

    Parameters
    ----------
    arcsec : distance from where the object was when it was classified.
    days : time from when that was; stars move.
    """

    arcsec: float
    days: float

    def between(self, now: Asked, then: Asked) -> npt.NDArray[np.bool_]:
        """Return whether the answers of then hold now, shape (n,)."""
        north = now.dec_deg - then.dec_deg
        east = ((now.ra_deg - then.ra_deg + 180.0) % 360.0 - 180.0) * np.cos(np.radians(now.dec_deg))
        apart = np.hypot(north, east) * 3600.0
        in_time = np.abs(now.mjd_tai - then.mjd_tai) <= self.days
        timeless = np.isnan(now.mjd_tai) & np.isnan(then.mjd_tai)
        return np.asarray((apart <= self.arcsec) & (in_time | timeless))


class Answers:
    """The answers of one version.

    Parameters
    ----------
    root : folder of the answers of all versions; made if it is not there.
    version : of the classifier.
    holds : how long an answer holds.
    max_bytes : bound of all files in `root`, of all processes and versions.
    """

    def __init__(self, root: Path, version: str, holds: Holds, max_bytes: int) -> None:
        columns = KEPT_COLUMNS.to_string(show_field_metadata=False)
        self._root = root
        self._folder = root / hashlib.blake2b(f"{version}\n{columns}".encode(), digest_size=8).hexdigest()
        self._holds = holds
        self._max_bytes = max_bytes
        self._files: dict[int, AnswerFile] = {}
        self._stamps = np.zeros(0, np.int64)
        self._index = ObjectIndex(0)
        self._keep_at = time.monotonic() + KEEP_SECONDS
        self._folder.mkdir(parents=True, exist_ok=True)
        self.look()

    @property
    def n_objects(self) -> int:
        """Objects that have an answer; those whose files were deleted meanwhile may be counted."""
        return self._index.n_objects

    @property
    def size_bytes(self) -> int:
        """Bytes of the files that this process has mapped."""
        return sum(file.size_bytes for file in self._files.values())

    def find(self, asked: Asked) -> tuple[npt.NDArray[np.int64], pa.Table]:
        """Return which rows have an answer that holds, in any order, and the answers in that order, `CLASSIFICATION_COLUMNS`."""
        assert asked.object_id is not None
        places = self._index.find(asked.object_id)
        rows, answers = [np.zeros(0, np.int64)], [PACKED_COLUMNS.empty_table()]
        for file, those, within in self._by_file(places):
            hold = self._holds.between(asked.take(those), file.asked.take(within))
            rows.append(those[hold])
            answers.append(file.table.take(pa.array(within[hold])).select(PACKED_COLUMNS.names))
        return np.concatenate(rows), unpack(pa.concat_tables(answers))

    def add(self, asked: Asked, answers: pa.Table) -> None:
        """Keep answers (`CLASSIFICATION_COLUMNS`) that were given; they are written later."""
        if len(asked):
            self._open(in_memory(asked, pack(answers)))

    def keep(self) -> None:
        """Write new answers and look for those of others, when it is time."""
        if time.monotonic() >= self._keep_at or sum(file.table.num_rows for file in self._files.values() if file.path is None) >= _MOST_ROWS:
            self._keep_at = time.monotonic() + KEEP_SECONDS
            self.write()

    def write(self) -> None:
        """Write new answers, look for those of others, keep the folder in order; what cannot be written is lost, and costs a search once more."""
        unwritten = [file for file in self._files.values() if file.path is None]
        self._files = {number: file for number, file in self._files.items() if file.path is not None}
        try:
            if unwritten:
                self._open(write_answers(self._folder, unwritten))
            keep_house(self._root, self._folder, self._oldest_first(), self._max_bytes)
            self.look()
        except OSError as error:
            _log.warning("answers not kept", folder=str(self._folder), why=str(error), then="their objects are searched again")

    def look(self) -> None:
        """Map the files that others have written, and let go of those that were deleted."""
        there = {path.name: path for path in self._folder.glob(f"*{ENDING}")}
        known = {file.path.name: number for number, file in self._files.items() if file.path is not None}
        for name in known.keys() - there.keys():
            del self._files[known[name]]
        for name in sorted(there.keys() - known.keys()):
            try:
                self._open(read_answers(there[name]))
            except FileNotFoundError:
                continue
            except AnswersDamaged as error:
                _log.warning("answers damaged", why=str(error), then="deleted; their objects are searched again")
                there[name].unlink(missing_ok=True)

    def _oldest_first(self) -> list[AnswerFile]:
        return sorted((file for file in self._files.values() if file.path is not None), key=lambda file: file.stamp)

    def _open(self, file: AnswerFile) -> None:
        """Make a file's answers known."""
        number = len(self._stamps)
        self._files[number] = file
        self._stamps = np.append(self._stamps, file.stamp)
        if self._index.has_room(file.table.num_rows):
            self._index.add(_ids(file), number, self._stamps)
        else:
            self._index_again()

    def _index_again(self) -> None:
        """Make the index anew from the files that are left, with room for as many answers again."""
        self._files = dict(enumerate(self._files.values()))
        self._stamps = np.array([file.stamp for file in self._files.values()], np.int64)
        self._index = ObjectIndex(2 * sum(file.table.num_rows for file in self._files.values()))
        for number, file in self._files.items():
            self._index.add(_ids(file), number, self._stamps)

    def _by_file(self, places: Ids) -> Iterator[tuple[AnswerFile, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield each file that has answers, with the numbers of the places that are in it, and the rows there."""
        order = np.argsort(places, kind="stable")
        order = order[np.searchsorted(places[order], NOWHERE, side="right") :]
        numbers = places[order] >> FILE_SHIFT
        ends = np.flatnonzero(np.diff(numbers, append=-1)) + 1
        for begin, end in zip([0, *ends], ends, strict=False):
            file = self._files.get(int(numbers[begin]))
            if file is not None:
                yield file, order[begin:end], places[order[begin:end]] & _ROW_MASK


def _ids(file: AnswerFile) -> Ids:
    ids = file.asked.object_id
    assert ids is not None
    return ids
