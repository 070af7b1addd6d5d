"""Quotas of filters, kept by any number of nodes without asking each other: each claims its share on a log that all share.

A node claims what it is about to send before it sends it. Claims are granted in the order of the log, as far as the quota goes; so
all nodes see each claim granted alike, and what is granted can never be more than the quota. What a node was granted and did not
send, because its transaction was aborted, is used for what it sends next, and given back when it stops; what a killed node held is
lost to that night or visit. So a quota is never exceeded, whatever is killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

AHEAD = 256
"""Of the rest of a quota of bytes a node claims at least this part at once: a claim in a few hundred records, and little that a
killed node can take with it."""

_PERIODS = {"bytes": 60, "records": 2_000}
"""How many nights and visits are remembered, the last ones that were claimed in: more than are ever worked on at once."""


class Account(NamedTuple):
    """What a quota is of: a filter's bytes of one night, or its records of one visit."""

    filter: int
    unit: str
    period: int


class Told(NamedTuple):
    """What an owner is told once: a kind of notice of a filter and a night."""

    filter: int
    kind: str
    night: int


class Log(Protocol):
    """Where claims stand; `kafka.SharedLog` is one."""

    def append(self, value: bytes) -> int:
        """Append a record and return its offset."""

    def read_to(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Yield the records not read yet, with their offsets, at least up to the one at an offset."""


class Quotas:
    """One node's view of all quotas."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._granted: dict[str, dict[int, dict[int, int]]] = {unit: {} for unit in _PERIODS}
        self._left: dict[Account, int] = {}
        self._told: set[Told] = set()

    def left(self, account: Account) -> int:
        """Return what this node may send."""
        return self._left.get(account, 0)

    def is_used_up(self, account: Account, limit: int) -> bool:
        """Return whether nothing of a quota is left to this node, as far as it knows; a quota once used up remains so."""
        return self.left(account) <= 0 and self._granted_of(account) >= limit

    def claim(self, wanted: Mapping[Account, tuple[int, int]]) -> None:
        """Claim what is wanted and not yet granted.

        Parameters
        ----------
        wanted : for each account, what is about to be sent and the whole quota.

        Raises
        ------
        UpstreamError
            If the log does not take the claim, or does not give it back; what it may have been granted is not used.
        """
        claims = []
        for account, (amount, limit) in wanted.items():
            rest = limit - self._granted_of(account)
            short = amount - self.left(account)
            if short > 0 and rest > 0:
                claims.append([*account, max(short, rest // AHEAD if account.unit == "bytes" else 0), limit])
        if claims:
            self._append({"claims": claims})

    def spend(self, spent: Mapping[Account, int]) -> None:
        """Take what was sent from what may be sent."""
        for account, amount in spent.items():
            self._left[account] = self.left(account) - amount

    def untold(self, notices: set[Told]) -> set[Told]:
        """Return the notices that nobody has told yet."""
        unknown = notices - self._told
        if unknown:
            self._append({})
        return unknown - self._told

    def tell(self, notices: set[Told]) -> None:
        """Note for all nodes that notices were told."""
        if notices:
            self._append({"told": sorted(notices)})

    def give_back(self) -> None:
        """Return what was granted and not sent."""
        claims = [[*account, -left, 0] for account, left in self._left.items() if left > 0]
        self._left.clear()
        if claims:
            self._append({"claims": claims})

    def _granted_of(self, account: Account) -> int:
        return self._granted[account.unit].get(account.period, {}).get(account.filter, 0)

    def _append(self, said: Mapping[str, object]) -> None:
        ours = self._log.append(json.dumps(said).encode())
        for offset, value in self._log.read_to(ours):
            self._take(json.loads(value), ours=offset == ours)

    def _take(self, said: Mapping[str, list[list[int | str]]], *, ours: bool) -> None:
        """Grant the claims of a record, as all nodes do."""
        self._told.update(Told(int(number), str(kind), int(night)) for number, kind, night in said.get("told", ()))
        for number, unit, period, wanted, limit in said.get("claims", ()):
            account = Account(int(number), str(unit), int(period))
            granted = self._granted_of(account)
            given = min(int(wanted), 0) + max(0, min(int(wanted), int(limit) - granted))
            of_period = self._granted[account.unit].pop(account.period, {})
            self._granted[account.unit][account.period] = of_period | {account.filter: granted + given}  # now the last of the periods
            if ours and given > 0:
                self._left[account] = self.left(account) + given
        self._forget()

    def _forget(self) -> None:
        for unit, periods in self._granted.items():
            while len(periods) > _PERIODS[unit]:
                period = next(iter(periods))
                del periods[period]
                for account in [account for account in self._left if (account.unit, account.period) == (unit, period)]:
                    del self._left[account]
