"""Which sources of a packet the archive lacks.

Most packets repeat, in their history, sources that the archive has. For each object the archive keeps a *mark*: the
number, the digest and the last member, by (time, id), of SOME set of sources that it has for certain. If those sources of a packet that are not
after the last member have that number and digest, they are that set and need not be sent; then the mark becomes the
set of this packet, in the same transaction as its new rows. Rows are never deleted, so a mark once true stays true,
whatever other nodes do, and in any order of arrival. Where the number or the digest differ (a late packet, a window that slid on),
the archive is asked for the keys; at the first sight of an object all is sent. Repeats do no harm: a source is inserted once.

The digest is the sum modulo 2^64 of a strong mix of each key. A sum, since an XOR would cancel a source listed twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

SKIP, SEND, ASK = np.uint8(0), np.uint8(1), np.uint8(2)
"""Verdicts on a source: the archive has it; send it; ask the archive whether it has it."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
"""Constants of splitmix64 (Steele, Lea & Flood 2014, OOPSLA)."""


class Marks(NamedTuple):
    """The marks of some objects, shape (n_object,) each; where `n` is 0 there is none."""

    n: npt.NDArray[np.int32]
    digest: npt.NDArray[np.int64]
    last_mjd: npt.NDArray[np.float64]
    last_id: npt.NDArray[np.int64]
    changed: npt.NDArray[np.bool_]

    def members(self) -> tuple[npt.NDArray[Any], ...]:
        """Return what is kept of a mark: all but whether it changed."""
        return self.n, self.digest, self.last_mjd, self.last_id


class Sources(NamedTuple):
    """The keys of a batch's sources, shape (n_source,) each; rows of one alert stand together.

    Parameters
    ----------
    alert : row of the alert, ascending.
    mjd : time, MJD (TAI), -inf where it is unknown.
    ids : diaSourceId or diaForcedSourceId.
    """

    alert: npt.NDArray[np.int32]
    mjd: npt.NDArray[np.float64]
    ids: npt.NDArray[np.int64]


def no_marks(n_object: int) -> Marks:
    """Return the marks of objects that the archive has never seen."""
    return Marks(
        n=np.zeros(n_object, np.int32),
        digest=np.zeros(n_object, np.int64),
        last_mjd=np.full(n_object, -np.inf),
        last_id=np.zeros(n_object, np.int64),
        changed=np.zeros(n_object, np.bool_),
    )


def judge(sources: Sources, objects: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_], marks: Marks) -> npt.NDArray[np.uint8]:
    """Return the verdict on each source, shape (n_source,), and bring the marks up to what the archive has when the rest is sent.

    Parameters
    ----------
    sources : all sources of the batch.
    objects : each alert's row in the marks, -1 for alerts without an object, shape (n_alert,).
    wanted : alerts whose rows are to be archived, shape (n_alert,); the sources of all others are skipped.
    marks : changed in place.
    """
    verdicts = np.empty(len(sources.ids), np.uint8)
    _judge(*sources, objects, wanted, *marks, verdicts)
    return verdicts


def warm() -> None:
    """Compile, or load what was compiled before, so that the first load does not wait for it."""
    sources = Sources(alert=np.zeros(1, np.int32), mjd=np.zeros(1), ids=np.ones(1, np.int64))
    judge(sources, np.zeros(1, np.int64), np.ones(1, np.bool_), no_marks(1))


@njit(cache=True, nogil=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value += _GOLDEN
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def _judge(alert, mjd, ids, objects, wanted, n, digest, last_mjd, last_id, changed, verdicts):  # type: ignore[no-untyped-def]
    time_bits = mjd.view(np.uint64)
    begin = 0
    while begin < ids.size:
        end = begin + 1
        while end < ids.size and alert[end] == alert[begin]:
            end += 1
        mark = objects[alert[begin]]
        if not wanted[alert[begin]]:
            verdicts[begin:end] = SKIP
        elif mark < 0:
            verdicts[begin:end] = SEND
        else:
            _judge_packet(begin, end, mark, mjd, time_bits, ids, n, digest, last_mjd, last_id, changed, verdicts)
        begin = end


@njit(cache=True, nogil=True)
def _judge_packet(begin, end, mark, mjd, time_bits, ids, n, digest, last_mjd, last_id, changed, verdicts):  # type: ignore[no-untyped-def]
    known, known_sum, all_sum = 0, np.uint64(0), np.uint64(0)
    newest = begin
    for i in range(begin, end):
        key = _mix(np.uint64(ids[i]) ^ _mix(time_bits[i]))
        all_sum += key
        if mjd[i] < last_mjd[mark] or (mjd[i] == last_mjd[mark] and ids[i] <= last_id[mark]):
            known += 1
            known_sum += key
            verdicts[i] = SKIP
        else:
            verdicts[i] = SEND
        if mjd[i] > mjd[newest] or (mjd[i] == mjd[newest] and ids[i] > ids[newest]):
            newest = i
    if n[mark] == 0:
        verdicts[begin:end] = SEND
    elif known != n[mark] or known_sum != np.uint64(digest[mark]):
        verdicts[begin:end] = ASK
    is_late = n[mark] > 0 and (mjd[newest] < last_mjd[mark] or (mjd[newest] == last_mjd[mark] and ids[newest] < last_id[mark]))
    if not is_late:
        changed[mark] |= n[mark] != end - begin or np.uint64(digest[mark]) != all_sum
        n[mark] = end - begin
        digest[mark] = np.int64(all_sum)
        last_mjd[mark] = mjd[newest]
        last_id[mark] = ids[newest]
