"""One batch put to several servers at once, until each of its cells is answered or there is nobody left to ask."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...errors import UpstreamError
from ._link import Link
from ._rendezvous import scores
from ._wire import version_of

_POLL_SECONDS = 0.02
"""How often it is looked whether a server is late, seconds."""

Rows = npt.NDArray[np.int64]


@dataclass(slots=True, kw_only=True, eq=False)
class _Call:
    """A question to one server.

    Parameters
    ----------
    server : its number.
    cells : numbers of the cells that it is about.
    rows : of the batch, in the order of the question.
    late_at : when it is late, on the monotonic clock.
    """

    server: int
    cells: npt.NDArray[np.int64]
    rows: Rows
    answer: Future[pa.Table]
    late_at: float
    is_late: bool = False


class Calls:
    """The questions about one batch.

    A cell is asked of its first server. When that fails, or is late, it is asked of the next as well, and whoever answers first is right: so a server
    that is slow because it reads a new field from its disk is not given up when the others are no faster.

    Parameters
    ----------
    links : the servers that may be asked …
    version : … and what version they should have; one that answers with another has been renewed meanwhile, and does not count.
    question : the batch.
    cells : the cell of each of its rows.
    command : that goes with a question.
    """

    def __init__(
        self, links: Sequence[Link], version: str, *, question: pa.Table, cells: npt.NDArray[np.int64], command: bytes, timeout_seconds: float
    ) -> None:
        self._links = links
        self._version = version
        self._question = question
        self._command = command
        self._timeout_seconds = timeout_seconds
        distinct, self._cell_of = np.unique(cells, return_inverse=True)
        self._scores = scores([link.address for link in links], distinct)
        self._asked = np.zeros(self._scores.shape, np.bool_)
        self._waits = np.zeros(len(distinct), np.int64)
        self._left = np.ones(len(distinct), np.bool_)
        self._open: list[_Call] = []
        self._late: list[_Call] = []

    def run(self, executor: Executor, patience_seconds: float) -> Iterator[tuple[Rows, pa.Table]]:
        """Yield rows and the answers to them, until all are answered or nobody is left who could; the rest of the rows has no answer."""
        deadline = time.monotonic() + patience_seconds
        while self._left.any() and time.monotonic() < deadline:
            self._ask(executor)
            if not self._open:
                return
            for call in self._done():
                yield from self._answer(call)
            self._judge()

    def _ask(self, executor: Executor) -> None:
        """Put all cells that nobody is working on in time to the server that is meant for them."""
        waiting = np.flatnonzero(self._left & (self._waits == 0))
        servers = self._choose(waiting)
        for server in np.unique(servers[servers >= 0]):
            cells = waiting[servers == server]
            chosen = np.zeros(len(self._left), np.bool_)
            chosen[cells] = True
            rows = np.flatnonzero(chosen[self._cell_of])
            answer = executor.submit(self._links[server].ask, self._command, self._question.take(pa.array(rows)))
            self._open.append(_Call(server=int(server), cells=cells, rows=rows, answer=answer, late_at=time.monotonic() + self._timeout_seconds))
            self._asked[cells, server] = True
            self._waits[cells] += 1

    def _choose(self, cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the number of the server to ask about each cell: the best that answers and has not been asked; -1 if there is none.

        One that rests is asked only about cells that nobody is working on: else all that are busy with a new field would be asked about all of it.
        """
        late = np.zeros(len(self._left), np.bool_)
        for call in self._open:
            late[call.cells] = True
        answers = np.array([link.answers for link in self._links])
        rests = np.array([link.rests for link in self._links])
        allowed = answers & ~self._asked[cells] & ~(rests & late[cells][:, None])
        scored = np.where(allowed, self._scores[cells] - rests, -2.0)
        best = scored.argmax(axis=1)
        return np.where(scored[np.arange(len(cells)), best] > -2.0, best, -1)

    def _done(self) -> list[_Call]:
        """Return the calls that have ended, after a while."""
        wait([call.answer for call in self._open], timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        return [call for call in self._open if call.answer.done()]

    def _answer(self, call: _Call) -> Iterator[tuple[Rows, pa.Table]]:
        """Yield what a call has answered of what is still wanted."""
        self._end(call)
        try:
            table = call.answer.result()
        except UpstreamError:
            return
        if version_of(table) != self._version:
            return
        if not call.is_late:
            self._links[call.server].praise()
        wanted = self._left[self._cell_of[call.rows]]
        self._left[call.cells] = False
        if wanted.any():
            yield call.rows[wanted], table.filter(pa.array(wanted))

    def _judge(self) -> None:
        """See which calls are late, and which will never be answered."""
        for call in list(self._open):
            link = self._links[call.server]
            if not call.is_late and time.monotonic() >= call.late_at:
                call.is_late = True
                self._waits[call.cells] -= 1
                link.rest()
            if call.is_late and not link.answers:
                self._end(call)

    def _end(self, call: _Call) -> None:
        self._open.remove(call)
        if not call.is_late:
            self._waits[call.cells] -= 1
