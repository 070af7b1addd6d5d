"""The filters of the demo, and what it shows of them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from .. import filters, head, kafka
from ..config import Settings
from ..filters.definition import Definition, Filter, State
from ._filter import share, store_of
from ._filter_stats import print_stats

OWNER = "demo"
"""Whose filters they are; nobody's own are touched."""

_DEFINITIONS = (
    Definition(
        name="bright",
        owner=OWNER,
        description="Real, and well above the noise",
        selected="objects.diaObjectId, alert.band, alert.psfFlux AS flux, alert.snr",
        tables="objects, alert",
        conditions="alert.psfFlux > 0 AND alert.snr > 50 AND alert.reliability > 0.5",
    ),
    Definition(
        name="jumps",
        owner=OWNER,
        description="Far from what it was in the last two months",
        selected="objects.diaObjectId, ra, decl, jump1, latest_psfFlux",
        conditions="jump1 > 2",
    ),
    Definition(
        name="movers",
        owner=OWNER,
        description="Bright objects of the solar system",
        selected="ssObjectId, designation, ra, decl, mag, band",
        tables="ss_objects_latest",
        conditions="mag < 20",
    ),
)

_LAST_RECORDS = 1000
"""The example is looked for among so many at the topic's end: transactions leave marks there, aborted ones also records."""


def make_filters(settings: Settings) -> list[Filter]:
    """Make those filters of the demo that are not there yet; return those that are to run.

    Raises
    ------
    UpstreamError
        If PostgreSQL cannot be reached.
    """
    store = store_of(settings)
    there = {one.definition.name.lower() for one in store.all(OWNER)}
    missing = [one for one in _DEFINITIONS if one.name not in there]
    for one in missing:
        tree = filters.parse_filter(one.selected, one.tables, one.conditions)
        store.create(one, cost_us=filters.check_cost(tree, limit_us=settings.filters.cost_limit_us))
    if missing:
        share(settings, store)
    return [one for one in store.all(OWNER) if one.state is State.active]


def untried(made: Sequence[Filter], alerts: int, before: head.Ledger, after: head.Ledger) -> list[str]:
    """Return which filters were not tried on each alert that was sent since an earlier state of a ledger; empty when all were.

    Parameters
    ----------
    alerts : number of alerts sent, those sent twice counted twice.
    """
    old, new = ({one.filter: one.evaluated for one in ledger.filters} for ledger in (before, after))
    tried = {one.definition.name: new.get(one.id, 0) - old.get(one.id, 0) for one in made}
    return [f"filter {name}: evaluated is {number:,}, but should be {alerts:,}" for name, number in tried.items() if number != alerts]


def show_filters(settings: Settings, ledger: head.Ledger, made: Sequence[Filter], console: Console) -> None:
    """Print what filters did in a night, and a record of one of the demo's."""
    print_stats(ledger.filters, head.filter_names(settings), console)
    published = {one.filter for one in ledger.filters if one.published}
    chosen = next((one for one in made if one.id in published), None)
    if chosen is None or settings.filters.format != "json":
        return
    records = list(kafka.read_topic(settings.kafka, chosen.topic, last=_LAST_RECORDS))
    for record in records[-1:]:
        console.print(f"a record of topic {chosen.topic}:")
        console.print(f"  {(record.value or b'').decode()}", markup=False, soft_wrap=True)
