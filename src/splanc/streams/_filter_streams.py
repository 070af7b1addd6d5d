"""What a batch's matches become: records in their filters' topics, or counts of what was withheld."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config import FilterSettings
from ..errors import UpstreamError
from ..filters import Filter, Output
from ..kafka import MAX_MESSAGE_BYTES, TransactionAborted
from ..packet import Batch
from ._avro import Encoded, encoded
from ._counts import filter_counts
from ._fates import WITHHELD, Fate
from ._matches import Drafts, Mask, Matches, draft, headers_of, keys_of, matches_of
from ._notices import notice
from ._quotas import Account, Quotas, Told
from ._schemas import FilterSchemas
from ._search import Trial, refusing
from ._topics import FilterTopics

Fates = npt.NDArray[np.int8]
Ints = npt.NDArray[np.int64]

_MOST_BYTES = MAX_MESSAGE_BYTES - (1 << 16)
"""Largest record, bytes: a message with its key and headers takes a little more."""

_TELLS = {Fate.quota: "quota", Fate.topic: "topic", Fate.size: "size", Fate.schema: "schema"}
"""Kind of the notice of matches that were withheld."""

_CPU_SECONDS = 60.0
"""Processor time of filters is told this often: most of them have nothing else to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRecords:
    """Records of one filter; keys and headers as `Transaction.send` takes them, shape (n_record,) each."""

    topic: str
    values: Sequence[bytes]
    keys: Sequence[bytes]
    headers: Sequence[Mapping[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What leaves with a batch on behalf of filters.

    Parameters
    ----------
    records : by filter.
    notices : keys and values of what owners are told.
    counts : for the ledger; None when no filter ran.
    published, published_bytes, withheld : for metrics.
    told, spent : see `FilterStreams.done`.
    """

    records: Sequence[TopicRecords] = ()
    notices: Sequence[tuple[bytes, bytes]] = ()
    counts: Mapping[str, Any] | None = None
    published: int = 0
    published_bytes: int = 0
    withheld: Mapping[str, int] = field(default_factory=dict)
    told: frozenset[Told] = frozenset()
    spent: Mapping[Account, int] = field(default_factory=dict)


class FilterStreams:
    """Prepares what filters publish.

    Parameters
    ----------
    settings : the quotas of filters that have none of their own.
    filters : returns the filters of the last run by id.
    cpu_us : returns the processor time of each filter since it was last asked, µs.
    topics, quotas : what this node knows of them.
    schemas : those of the filters' records; None: all records are JSON.
    """

    def __init__(
        self,
        settings: FilterSettings,
        filters: Callable[[], Mapping[int, Filter]],
        cpu_us: Callable[[], Mapping[int, float]],
        *,
        topics: FilterTopics,
        quotas: Quotas,
        schemas: FilterSchemas | None = None,
    ) -> None:
        self._settings = settings
        self._filters = filters
        self._cpu_us = cpu_us
        self._topics = topics
        self._quotas = quotas
        self._schemas = schemas
        self._cpu_told = time.monotonic()
        self._aborted = 0

    def outgoing(self, batch: Batch) -> Outgoing:
        """Return what leaves with a batch; topics that are missing are created, and shares of quotas claimed.

        Raises
        ------
        TransactionAborted
            If Kafka does not answer; nothing was sent.
        """
        filters = self._filters()
        if not filters:
            return Outgoing()
        try:
            return self._outgoing(batch, filters)
        except UpstreamError as error:
            raise TransactionAborted(str(error)) from error

    def done(self, outgoing: Outgoing) -> None:
        """Take note that it was published."""
        self._aborted = 0
        self._quotas.spend(outgoing.spent)
        self._topics.took([records.topic for records in outgoing.records])
        with suppress(UpstreamError):  # it is told once more, which is better than not at all
            self._quotas.tell(set(outgoing.told))

    def aborted(self, outgoing: Outgoing, refusals: Mapping[str, str], own: Sequence[str], trial: Trial) -> None:
        """Take note that it was not published.

        Kafka does not always say which topic was to blame. When nothing is known and it was aborted before, topics are tried.

        Parameters
        ----------
        refusals : topics that did not take a record, with the reason; when others than filters' are among them, that is no fault of a filter's.
        own : the other topics of the transaction.
        trial : tries topics.
        """
        topics = {records.topic for records in outgoing.records}
        self._aborted += 1
        self._topics.doubt(topics)
        if not refusals and self._aborted > 1:
            refusals = refusing(sorted(topics), own, trial)
        if set(refusals) <= topics:
            self._topics.refused(refusals)

    def close(self) -> None:
        """Give back the shares of quotas that were not used."""
        with suppress(UpstreamError):  # they are lost, as when the node is killed
            self._quotas.give_back()

    def _outgoing(self, batch: Batch, filters: Mapping[int, Filter]) -> Outgoing:
        matches = matches_of(batch)
        groups = matches.by_filter()
        fates = np.zeros(len(matches), np.int8)
        reasons = self._first_fates(matches, groups, filters, fates)
        drafts = self._draft(batch, matches, fates == Fate.published, filters)
        sizes = np.zeros(len(matches), np.int64)
        sizes[fates == Fate.published] = drafts.sizes
        fates[sizes > _MOST_BYTES] = Fate.size
        spent = self._within_quotas(matches, groups, filters, fates, sizes)
        records = _records(batch, matches, groups, filters, fates=fates, drafts=drafts, sizes=sizes)
        sizes[fates != Fate.published] = 0
        told = self._to_be_told(matches, fates)
        cpu_us = self._cpu()
        return Outgoing(
            records=records,
            notices=[_notice(filters[one.filter], one, reasons) for one in sorted(told)],
            counts=filter_counts(batch, matches, fates, sizes, ran=filters, cpu_us=cpu_us, now_ms=time.time() * 1000),
            published=int((fates == Fate.published).sum()),
            published_bytes=int(sizes.sum()),
            withheld={fate.name: int((fates == fate).sum()) for fate in WITHHELD},
            told=frozenset(told),
            spent=spent,
        )

    def _first_fates(self, matches: Matches, groups: Mapping[int, slice], filters: Mapping[int, Filter], fates: Fates) -> dict[int, str]:
        """Set the fates that are known before there is a record; return why topics are closed, by filter."""
        closed = self._topics.closed([filters[number].topic for number in groups if filters[number].definition.output is not Output.none])
        reasons = {}
        for number, rows in groups.items():
            one = filters[number]
            if one.definition.output is Output.none:
                fates[rows] = Fate.silent
            elif one.topic in closed:
                fates[rows] = Fate.topic
                reasons[number] = closed[one.topic]
            elif self._schemas is not None and (why := self._schemas.refusal(one)) is not None:
                fates[rows] = Fate.schema
                reasons[number] = why
            else:
                used_up = [here for account, limit, here in _accounts(one, self._settings, matches, rows) if self._quotas.is_used_up(account, limit)]
                fates[np.concatenate([np.zeros(0, np.int64), *used_up])] = Fate.quota
        return reasons

    def _draft(self, batch: Batch, matches: Matches, wanted: Mask, filters: Mapping[int, Filter]) -> Drafts | Encoded:
        """Return the records of the wanted matches in their format."""
        drafts = draft(batch, matches, wanted, filters, datetime.now(UTC))
        if self._schemas is None:
            return drafts
        ids = matches.filters[wanted]
        found = {number: self._schemas.encoder(filters[number]) for number in np.unique(ids).tolist()}
        encoders = {number: encoder for number, encoder in found.items() if encoder is not None}
        return encoded(drafts, ids, matches.rows[wanted], encoders)

    def _within_quotas(self, matches: Matches, groups: Mapping[int, slice], filters: Mapping[int, Filter], fates: Fates, sizes: Ints) -> dict[Account, int]:
        """Withhold what quotas do not allow, record by record; return what is spent of them."""
        limited = []
        for number, rows in groups.items():
            limited += [
                (account, limit, here[fates[here] == Fate.published]) for account, limit, here in _accounts(filters[number], self._settings, matches, rows)
            ]
        self._quotas.claim({account: (int(_amounts(account, here, sizes).sum()), limit) for account, limit, here in limited})
        for account, _, here in limited:
            sent = here[fates[here] == Fate.published]
            fates[sent[np.cumsum(_amounts(account, sent, sizes)) > self._quotas.left(account)]] = Fate.quota
        return {account: int(_amounts(account, here[fates[here] == Fate.published], sizes).sum()) for account, _, here in limited}

    def _to_be_told(self, matches: Matches, fates: Fates) -> set[Told]:
        withheld = np.isin(fates, WITHHELD)
        if not withheld.any():
            return set()
        rows = np.unique(np.stack([matches.filters[withheld], fates[withheld], matches.nights[withheld]], axis=1), axis=0)
        return self._quotas.untold({Told(number, _TELLS[Fate(fate)], night) for number, fate, night in rows.tolist()})

    def _cpu(self) -> Mapping[int, float]:
        if time.monotonic() - self._cpu_told < _CPU_SECONDS:
            return {}
        self._cpu_told = time.monotonic()
        return self._cpu_us()


def _accounts(one: Filter, settings: FilterSettings, matches: Matches, rows: slice) -> list[tuple[Account, int, Ints]]:
    """Return the quotas that matches of a filter fall under: account, quota, and which matches."""
    own = {"records": (one.records_per_visit, settings.quota_records_per_visit), "bytes": (one.bytes_per_day, settings.quota_bytes_per_day)}
    periods = {"records": matches.visits, "bytes": matches.nights}
    found = []
    for unit, (given, default) in own.items():
        limit = default if given is None else given
        if limit is None or limit < 0:
            continue
        of_match = periods[unit][rows]
        found += [(Account(one.id, unit, period), limit, rows.start + np.flatnonzero(of_match == period)) for period in np.unique(of_match).tolist()]
    return found


def _amounts(account: Account, here: Ints, sizes: Ints) -> Ints:
    """Return what each of some matches takes of a quota."""
    return sizes[here] if account.unit == "bytes" else np.ones(len(here), np.int64)


def _records(
    batch: Batch, matches: Matches, groups: Mapping[int, slice], filters: Mapping[int, Filter], *, fates: Fates, drafts: Drafts | Encoded, sizes: Ints
) -> list[TopicRecords]:
    """Return the records that are published, by filter; `sizes` says which were drafted."""
    leaving = fates == Fate.published
    values = drafts.values(leaving[sizes > 0])
    keys = keys_of(batch, matches.rows[leaving])
    headers = headers_of(batch, matches, leaving)
    ends = np.cumsum(leaving)
    found = []
    for number, rows in groups.items():
        first, end = int(ends[rows.start] - leaving[rows.start]), int(ends[rows.stop - 1])
        if first < end:
            found.append(TopicRecords(topic=filters[number].topic, values=values[first:end], keys=keys[first:end], headers=headers[first:end]))
    return found


def _notice(one: Filter, told: Told, reasons: Mapping[int, str]) -> tuple[bytes, bytes]:
    """Return key and value of a notice; its `id` is one for each filter, kind and night."""
    name, night = one.definition.name, told.night
    texts = {
        "quota": f"The quota of your filter {name} for night {night} is used up. Matches beyond it are withheld, and counted: see `splanc filter stats`.",
        "topic": f"The topic of your filter {name} does not take records ({reasons.get(one.id)}). Its matches are withheld, and counted, until it does.",
        "schema": f"The schema of your filter {name} cannot be registered ({reasons.get(one.id)}). Its matches are withheld, and counted, until it can.",
        "size": f"Records of your filter {name} are larger than any topic takes. They are withheld, and counted; select less.",
    }
    return notice(one, about=str(night), kind=told.kind, text=texts[told.kind], night=night)
