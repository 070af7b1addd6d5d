from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.streams import Account, Quotas, Told

from .filters import SharedRecords

NIGHT = Account(1, "bytes", 20260101)
VISIT = Account(1, "records", 2026010100001)


def node(shared: SharedRecords) -> Quotas:
    return Quotas(shared.seen_by_a_node())


def sent(quotas: Quotas, account: Account, amounts: list[int], limit: int) -> int:
    """Send what is allowed of these, as a node does; return how much it was."""
    quotas.claim({account: (sum(amounts), limit)})
    total = 0
    for amount in amounts:
        if total + amount > quotas.left(account):
            break
        total += amount
    quotas.spend({account: total})
    return total


batches = st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(1, 50), max_size=6), st.sampled_from(["done", "aborted", "killed"])), max_size=30)


@settings(max_examples=150)
@given(batches=batches, limit=st.integers(0, 400), account=st.sampled_from([NIGHT, VISIT]))
def test_all_nodes_together_never_exceed_a_quota_whoever_is_killed(batches: list[tuple[int, list[int], str]], limit: int, account: Account) -> None:
    shared = SharedRecords()
    nodes = [node(shared) for _ in range(3)]
    total = 0
    for number, amounts, fate in batches:
        if fate == "done":
            total += sent(nodes[number], account, amounts, limit)
        else:
            nodes[number].claim({account: (sum(amounts), limit)})
        if fate == "killed":
            nodes[number] = node(shared)
    assert total <= limit


@settings(max_examples=80)
@given(batches=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 20)), max_size=40), limit=st.integers(0, 300))
def test_without_kills_a_quota_of_records_is_used_to_the_last(batches: list[tuple[int, int]], limit: int) -> None:
    shared = SharedRecords()
    nodes = [node(shared) for _ in range(3)]
    total = sum(sent(nodes[number], VISIT, [1] * amount, limit) for number, amount in batches)
    assert total == min(limit, sum(amount for _, amount in batches))


def test_what_an_aborted_transaction_did_not_send_is_not_claimed_again() -> None:
    shared = SharedRecords()
    quotas = node(shared)
    for _ in range(5):
        quotas.claim({VISIT: (7, 10)})
    assert quotas.left(VISIT) == 7
    assert len(shared.records) == 1
    assert sent(quotas, VISIT, [1] * 7, 10) == 7
    assert sent(quotas, VISIT, [1] * 7, 10) == 3
    assert quotas.is_used_up(VISIT, 10)
    quotas.claim({VISIT: (7, 10)})
    assert len(shared.records) == 2


def test_bytes_are_claimed_ahead_and_given_back_at_the_end() -> None:
    shared = SharedRecords()
    first, second = node(shared), node(shared)
    limit = 256_000
    assert sent(first, NIGHT, [10], limit) == 10
    assert first.left(NIGHT) == 990
    first.give_back()
    assert first.left(NIGHT) == 0
    assert sent(second, NIGHT, [limit - 10], limit) == limit - 10
    assert sent(second, NIGHT, [1], limit) == 0
    assert second.is_used_up(NIGHT, limit)


def test_periods_and_filters_have_quotas_of_their_own() -> None:
    quotas = node(SharedRecords())
    accounts = [VISIT, VISIT._replace(period=VISIT.period + 1), VISIT._replace(filter=2), NIGHT]
    quotas.claim(dict.fromkeys(accounts, (5, 5)))
    assert [quotas.left(account) for account in accounts] == [5, 5, 5, 5]


def test_a_quota_that_is_lowered_grants_nothing_more_and_one_that_is_raised_does() -> None:
    quotas = node(SharedRecords())
    assert sent(quotas, VISIT, [1] * 8, 8) == 8
    assert sent(quotas, VISIT, [1], 4) == 0
    assert sent(quotas, VISIT, [1] * 4, 10) == 2


def test_old_visits_are_forgotten_and_nights_are_not_for_them() -> None:
    shared = SharedRecords()
    quotas = node(shared)
    quotas.claim({NIGHT: (300, 300), VISIT: (1, 1)})
    for number in range(1, 2_001):
        quotas.claim({VISIT._replace(period=VISIT.period + number): (1, 1)})
    assert quotas.is_used_up(VISIT, 1) is False
    assert quotas.left(VISIT) == 0
    quotas.spend({NIGHT: 300})
    assert quotas.is_used_up(NIGHT, 300)


def test_an_owner_is_told_by_one_node() -> None:
    shared = SharedRecords()
    first, second = node(shared), node(shared)
    notice, other = Told(1, "quota", 20260101), Told(1, "quota", 20260102)
    assert first.untold({notice}) == {notice}
    assert first.untold({notice}) == {notice}
    first.tell({notice})
    assert second.untold({notice, other}) == {other}
    assert json.loads(shared.records[-2]) == {"told": [[1, "quota", 20260101]]}


class _Mute:
    def append(self, value: bytes) -> int:
        raise ConnectionError

    def read_to(self, offset: int) -> list[tuple[int, bytes]]:
        return []


def test_nothing_is_granted_without_the_log() -> None:
    quotas = Quotas(_Mute())  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        quotas.claim({VISIT: (1, 10)})
    assert quotas.left(VISIT) == 0
