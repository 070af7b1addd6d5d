"""Every recipe of the cookbook finds what was planted for it on a simulated night, and not the decoy beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from splanc.archive import Archive, ArchiveLoad
from splanc.crossmatch import CLASSIFICATION_COLUMNS, CLASSIFICATIONS
from splanc.features import Features, add_moving_objects
from splanc.filters import (
    COST_LIMIT_US,
    TABLES,
    FilterRunner,
    Frame,
    Tree,
    as_sql,
    measure_cost,
    parse_filter,
    parse_statement,
    synthetic_frame,
    values_of,
)
from splanc.packet import Batch, Decoder, encode
from splanc.simulator import Simulation
from splanc.sky import Dust, index_sky
from tests.integration.filters.planting import EBV_MAG, PLANTED, Planted, object_id, record_of, source_id
from tests.integration.filters.trees import NOW
from tests.support.packets import messages_of, schema_store
from tests.unit.filters.batches import a_filter, rows_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "cookbook.md"

RECIPE = re.compile(r"^## ([^\n]+)\n\n(.*?)^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)

UNFILLED = {"watchlist", "annotator"}
"""Tables that recipes join and that nothing fills yet: their rows are put there by hand, as are those that only catalogues fill."""

ALSO = {
    "Supernova candidates": {"example of Fast faders", "decoy of Fast faders", "example of Tidal disruption events"},
    "Outbursts of variable stars": {"example of Microlensing on the rise", "decoy of Microlensing on the rise"},
    "Short-period variables": {"decoy of Long-period variables"},
}
"""What was planted for other recipes and is found rightly: bright, smooth and young; more than it was; the shuffled fluxes of a slow variable."""

TRUTH: Mapping[str, dict[str, float]] = {
    "Infant supernovae": {"within_days": 2.0},
    "Precursors in forced photometry": {"precursor_days": 44.0},
    "Dwarf novae": {"kilokelvin": 20.0, "brighter_mag": 2.5 * np.log10(11)},
    "Stars that fade": {"share_lost": 0.6},
    "Microlensing on the rise": {"change": 0.0},
    "Near-Earth movers": {"q": 0.8, "earth_moid": 0.02},
    "Fast movers that nobody knows": {"degrees_a_day": 4.0},
    "Tidal disruption events": {"kilokelvin": 25.0},
}
"""What recipes must say of their examples."""

ORDINARY = 2_000
"""Alerts of a night without anything planted, half of them with a history as the stream's have it, half with a long one."""

MOST_ORDINARY = 0.005
"""Share of the ordinary alerts that a recipe may find; most find none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What the recipes found.

    Parameters
    ----------
    batch : the night's alerts as filters saw them.
    planted : for each recipe the records of what was planted and found, by its name.
    ordinary : for each recipe how many ordinary alerts it found.
    """

    batch: Batch = field(repr=False)
    planted: Mapping[str, Mapping[str, dict[str, Any]]]
    ordinary: Mapping[str, int]


@cache
def recipes() -> Mapping[str, tuple[str, tuple[str, str, str]]]:
    """The page's recipes: by heading, what is said of them and their three texts."""
    return {heading: (says, parse_statement(statement)) for heading, says, statement in RECIPE.findall(PAGE.read_text("utf-8"))}


def tree_of(heading: str) -> Tree:
    return parse_filter(*recipes()[heading][1])


def unfilled(heading: str) -> set[str]:
    """The tables that a recipe needs and that nothing fills yet."""
    return {joined.table for joined in tree_of(heading).joined} & UNFILLED


@cache
def named() -> tuple[tuple[str, Planted], ...]:
    """What is planted, with its name; its place is its number."""
    return tuple((f"{kind} of {heading}", one) for heading, both in PLANTED.items() for kind, one in zip(("example", "decoy"), both, strict=True))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("cookbook")
    np.save(folder / "ebv.npy", np.full(12, EBV_MAG, np.float32))
    stages = (index_sky, Features(Dust(folder / "ebv.npy")).compute_features, add_moving_objects)
    batch = decoded(folder)
    for stage in stages:
        batch = stage(batch)
    texts = [texts for _, texts in recipes().values()]
    filters = [a_filter(number, conditions, selected=selected, tables=tables) for number, (selected, tables, conditions) in enumerate(texts)]
    runner = FilterRunner(filters)
    ran = runner.run_filters(with_hits(batch))
    assert runner.failures() == ()
    return found(ran)


def decoded(folder: Path) -> Batch:
    """The night's alerts: ordinary ones, and between them what is planted."""
    schemas = schema_store(folder)
    planted = [encode(schemas.get(1000), record_of(one, number)) for number, (_, one) in enumerate(named())]
    usual, old = (Simulation(night=20251230, visits=1, alerts_per_visit=ORDINARY // 2, corpus=corpus) for corpus in ("mixed", "deep"))
    ordinary = [[message for visit in night.observe() for message in visit.messages()] for night in (usual, old)]
    batch = Decoder(schemas, max_packet_bytes=10_000_000).decode(messages_of([*ordinary[0], *planted, *ordinary[1]]))
    assert batch.rejects == []
    return batch


def with_hits(batch: Batch) -> Batch:
    """The batch with rows of what was planted in the tables that nothing, or only catalogues, fill."""
    rows: dict[str, list[dict[str, Any]]] = {}
    alerts = batch.alerts["diaSourceId"].to_pylist()
    for number, (_, planted) in enumerate(named()):
        for name, row in planted.hits.items():
            rows.setdefault(name, []).append({"alert": alerts.index(source_id(number)), "diaObjectId": object_id(number), **row})
    tables = {table.rows_of: table for table in TABLES.values()}
    made = {name: rows_of(tables[name], some) for name, some in rows.items()}
    made[CLASSIFICATIONS] = made[CLASSIFICATIONS].select(["alert", "diaObjectId", *CLASSIFICATION_COLUMNS.names])
    return replace(batch, tables={**batch.tables, **made})


def found(batch: Batch) -> Night:
    names = {source_id(number): name for number, (name, _) in enumerate(named())}
    alerts, headings = batch.alerts["diaSourceId"].to_pylist(), list(recipes())
    planted: dict[str, dict[str, dict[str, Any]]] = {heading: {} for heading in headings}
    ordinary = dict.fromkeys(headings, 0)
    for match in batch.tables["filter_matches"].to_pylist():
        heading, name = headings[match["filter"]], names.get(alerts[match["alert"]])
        if name is None:
            ordinary[heading] += 1
        else:
            planted[heading][name] = json.loads(match["record"])
    return Night(batch=batch, planted=planted, ordinary=ordinary)


def test_the_page_has_twenty_recipes_and_says_what_they_need() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert headings == list(recipes()) == list(PLANTED)
    assert len(headings) == 20
    said = {heading: re.findall(r"^Needs `(\w+)`, which nothing fills yet\.$", says, re.MULTILINE) for heading, (says, _) in recipes().items()}
    assert said == {heading: sorted(unfilled(heading)) for heading in headings}
    assert sum(map(bool, said.values())) == 2
    catalogues = "Needs `sherlock_classifications`, which is filled where there are [catalogues](catalogues.md)."
    needing = {heading for heading in headings if any(joined.table == CLASSIFICATIONS for joined in tree_of(heading).joined)}
    assert {heading for heading, (says, _) in recipes().items() if catalogues in says} == needing
    assert len(needing) == 3


@pytest.mark.parametrize("heading", PLANTED)
def test_it_finds_the_example_and_not_the_decoy(night: Night, heading: str) -> None:
    assert set(night.planted[heading]) == {f"example of {heading}"} | ALSO.get(heading, set())
    record, truth = night.planted[heading][f"example of {heading}"], TRUTH.get(heading, {})
    assert {name: record[name] for name in truth} == pytest.approx(truth, rel=1e-5, abs=1e-6)
    assert night.ordinary[heading] <= MOST_ORDINARY * ORDINARY


@pytest.mark.parametrize("heading", PLANTED)
def test_the_decoy_fails_one_condition_only(night: Night, heading: str) -> None:
    tree = tree_of(heading)
    verdicts = values_of(tree, tree.conjuncts(), Frame.of(night.batch))
    number = [name for name, _ in named()].index(f"decoy of {heading}")
    alert = night.batch.alerts["diaSourceId"].to_pylist().index(source_id(number))
    rows = [row[1:] for row in verdicts.rows() if row[0] == alert]
    if rows:
        assert [verdict for verdict in rows[0] if verdict is not True] == [False]
    else:
        assert heading == "Activity on my list", "only there the decoy is in no row that is joined"


def test_none_is_dear() -> None:
    trees = [tree_of(heading) for heading in recipes()]
    frame = synthetic_frame(10_000, {one: None for tree in trees for one in tree.joined})
    assert {heading: cost for heading, tree in zip(recipes(), trees, strict=True) if (cost := measure_cost(tree, frame)) > COST_LIMIT_US} == {}


def test_the_archive_finds_the_same(night: Night, archive_dsn: str) -> None:
    """Those that need a table that nothing fills yet find nothing there."""
    with Archive(archive_dsn) as archive:
        archive.load(ArchiveLoad(alerts=night.batch.alerts, tables=night.batch.tables, spans={}, node="n"))
    names = {object_id(number): name for number, (name, _) in enumerate(named())}
    with psycopg.connect(archive_dsn) as connection:
        for heading in recipes():
            rows = connection.execute(as_sql(tree_of(heading), "postgresql", NOW).encode()).fetchall()
            expected = set() if unfilled(heading) else set(night.planted[heading])
            assert {names[row[0]] for row in rows if row[0] in names} == expected, heading
