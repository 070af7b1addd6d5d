"""Filters in PostgreSQL: each edit a version, each topic one filter's, and no change that a node could miss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from splanc.archive import FilterStore, query
from splanc.archive._advisory import WRITING_FILTERS
from splanc.errors import UpstreamError, UserError
from splanc.filters.definition import Definition, Filter, Output, Run, State

MINE = Definition(name="Bright", owner="maria", selected="objects.diaObjectId", conditions="g_psfFlux > 200000")


@pytest.fixture
def store(archive_dsn: str) -> FilterStore:
    return FilterStore(archive_dsn, reserved=["lasair_splanc_lite"])


def edit(store: FilterStore, was: Filter, **changes: object) -> Filter:
    return store.edit(was, replace(was.definition, **changes), cost_us=1.0, bytes_per_day=None, records_per_visit=None)


def test_what_was_stored_comes_back(store: FilterStore) -> None:
    whole = replace(MINE, description="d\n'\"", tables="objects, area:3&4", run=Run.both, output=Output.webhook, public=True, target="https://example.org/")
    made = store.create(whole, author="root", cost_us=12.5, bytes_per_day=10**12, records_per_visit=7)
    assert (made.definition, made.version, made.state, made.reason) == (whole, 1, State.active, "")
    assert (made.topic, made.cost_us, made.bytes_per_day, made.records_per_visit) == ("lasair_mariaBright", 12.5, 10**12, 7)
    assert made.created == made.changed
    assert store.get("maria", "bRIGHT") == made
    assert store.all() == store.all("maria") == [made]
    assert store.all("peter") == []
    (version,) = store.versions(made.id)
    assert (version.definition, version.author, version.created) == (whole, "root", made.created)
    assert (version.number, version.bytes_per_day, version.records_per_visit) == (1, 10**12, 7)


def test_an_edit_is_a_version_and_a_rename_keeps_the_topic(store: FilterStore) -> None:
    first = store.create(MINE, bytes_per_day=5)
    second = edit(store, first, name="Brighter", conditions="g_psfFlux > 400000", owner="peter")
    assert (second.id, second.version, second.topic, second.created) == (first.id, 2, first.topic, first.created)
    assert second.changed > first.changed
    assert second.definition == replace(MINE, name="Brighter", conditions="g_psfFlux > 400000")
    assert second.bytes_per_day is None
    versions = store.versions(first.id)
    assert [(version.number, version.definition.conditions, version.bytes_per_day) for version in versions] == [
        (1, "g_psfFlux > 200000", 5),
        (2, "g_psfFlux > 400000", None),
    ]
    again = store.create(MINE)
    assert again.topic == "lasair_mariaBright_2"
    with pytest.raises(UserError, match="maria has a filter brighter already"):
        edit(store, again, name="brighter")
    assert edit(store, again, name="BRIGHT").version == 2


def test_of_edits_at_the_same_time_one_is_kept(store: FilterStore) -> None:
    was = store.create(MINE)

    def change(number: int) -> str:
        try:
            return str(edit(store, was, description=str(number)).version)
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(change, range(8)))
    assert said.count("2") == sum("no longer at version 1" not in one for one in said) == 1
    assert [version.definition.description for version in store.versions(was.id)] == ["", str(said.index("2"))]


def test_no_two_filters_have_a_topic(store: FilterStore) -> None:
    cases = [("bob", "by.x"), ("bobby", ".x"), ("bob", "by_x"), ("b", "obby.x"), ("splanc", "_lite")]
    topics = [store.create(replace(MINE, owner=owner, name=name)).topic for owner, name in cases]
    assert topics == ["lasair_bobby.x", "lasair_bobby.x_2", "lasair_bobby_x_3", "lasair_bobby.x_4", "lasair_splanc_lite_2"]
    gone = store.get("bob", "by.x")
    assert store.delete(gone.id)
    assert store.create(gone.definition).topic == "lasair_bobby.x_5"


def test_names_made_at_the_same_time_are_taken_once(store: FilterStore) -> None:
    def make(number: int) -> str:
        try:
            return store.create(replace(MINE, owner="ab" if number % 2 else "a", name="c" if number % 2 else "bc")).topic
        except UserError:
            return ""

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(make, range(8))) == [""] * 6 + ["lasair_abc", "lasair_abc_2"]


def test_several_nodes_pause_a_filter_once_and_only_the_version_that_failed(store: FilterStore) -> None:
    made = store.create(MINE)
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(lambda number: store.pause(made.id, f"it failed on node {number}", 1), range(6))) == 1
    paused = store.get("maria", "bright")
    assert (paused.state, paused.version) == (State.paused, 1)
    assert paused.reason.startswith("it failed on node")
    assert edit(store, paused, conditions="ra > 1").state is State.paused
    assert store.resume(made.id)
    assert not store.resume(made.id)
    assert not store.pause(made.id, "late news of version 1", 1)
    assert (store.get("maria", "bright").state, store.get("maria", "bright").reason) == (State.active, "")
    assert store.pause(made.id, "by its owner")


def test_what_is_deleted_is_kept_and_its_name_is_free(store: FilterStore) -> None:
    made = store.create(MINE)
    assert store.delete(made.id)
    assert not any((store.delete(made.id), store.pause(made.id, "x"), store.resume(made.id)))
    with pytest.raises(UserError, match="no longer at version 1"):
        edit(store, made, description="x")
    with pytest.raises(UserError, match="maria has no filter Bright; `splanc filter list`"):
        store.get("maria", "Bright")
    assert store.all() == []
    assert len(store.versions(made.id)) == 1
    assert store.create(MINE).id != made.id


def test_a_name_that_is_not_there_brings_those_that_are_near(store: FilterStore) -> None:
    for name in ("Bright", "Fast risers"):
        store.create(replace(MINE, name=name))
    with pytest.raises(UserError, match="maria has no filter fast riser; did you mean Fast risers"):
        store.get("maria", "fast riser")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": ""}, "cannot be the name"),
        ({"name": " x"}, "cannot be the name"),
        ({"name": "a\nb"}, "cannot be the name"),
        ({"name": "n" * 201}, "cannot be the name"),
        ({"owner": ""}, "cannot be the owner"),
        ({"conditions": "ra > 1\0"}, "character of value 0"),
        ({"output": Output.digest}, "needs a target"),
        ({"target": "maria@example.org"}, "has no target"),
    ],
)
def test_what_cannot_be_kept_is_refused(store: FilterStore, changes: dict[str, object], why: str) -> None:
    with pytest.raises(UserError, match=why):
        store.create(replace(MINE, **changes))
    assert store.all() == []


def test_changes_are_asked_for_by_number(store: FilterStore) -> None:
    nothing = store.changed_since(0)
    assert (nothing.number, nothing.filters, nothing.complete) == (0, (), True)
    first, second = (store.create(replace(MINE, name=name)) for name in ("a", "b"))
    both = store.changed_since(0)
    assert (both.filters, both.complete) == ((first, second), True)
    assert store.changed_since(both.number).filters == ()
    assert not store.changed_since(both.number).complete
    store.pause(first.id, "why")
    store.delete(second.id)
    later = store.changed_since(both.number)
    assert [(one.id, one.state) for one in later.filters] == [(first.id, State.paused), (second.id, State.deleted)]
    assert store.changed_since(later.number).filters == ()


def test_a_database_that_went_back_is_read_anew(store: FilterStore) -> None:
    made = store.create(MINE)
    again = store.changed_since(10**6)
    assert (again.filters, again.complete) == ((made,), True)
    assert store.changed_since(again.number).filters == ()


def test_no_change_is_missed_however_they_are_committed(store: FilterStore, archive_dsn: str) -> None:
    """Writers and a reader at the same time: following the numbers, the reader knows in the end what is there."""
    ids = [store.create(replace(MINE, name=str(number))).id for number in range(4)]
    known, number, done = {}, 0, threading.Event()

    def follow() -> None:
        nonlocal number
        while True:
            was_done = done.is_set()
            changes = store.changed_since(number)
            assert changes.number >= number
            number = changes.number
            known.update({one.id: one for one in changes.filters})
            if was_done:
                return

    def write(number: int) -> None:
        for turn in range(6):
            (store.pause(ids[number], str(turn)) if turn % 2 else store.resume(ids[number]))

    reader = threading.Thread(target=follow)
    reader.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    done.set()
    reader.join()
    assert sorted(known.values(), key=lambda one: one.id) == store.all()


def test_a_change_that_is_slow_to_commit_is_not_overtaken(store: FilterStore, archive_dsn: str) -> None:
    made = store.create(MINE)
    seen = store.changed_since(0).number
    with psycopg.connect(archive_dsn) as slow:
        slow.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING_FILTERS,))
        slow.execute("UPDATE filters SET reason = 'slow', change = (SELECT max(change) + 1 FROM filters)")
        other = threading.Thread(target=lambda: store.create(replace(MINE, name="fast")))
        other.start()
        other.join(0.3)
        assert other.is_alive()
        assert store.changed_since(seen).number == seen
        slow.commit()
        other.join()
    assert [(one.id, one.reason) for one in store.changed_since(seen).filters] == [(made.id, "slow"), (made.id + 1, "")]


def test_users_queries_see_what_filters_join_but_no_filter(store: FilterStore, archive_dsn: str) -> None:
    store.create(replace(MINE, description="my secret"))
    for table in ("filters", "filter_versions"):
        with pytest.raises(UserError, match="permission denied"):
            query(archive_dsn, f"SELECT * FROM {table}", seconds=10, rows=10)
    for table in ("sherlock_classifications", "crossmatch_tns", "annotations", "watchlist_hits", "area_hits", "mma_area_hits"):
        assert query(archive_dsn, f"SELECT * FROM {table}", seconds=10, rows=10).rows == []


@pytest.mark.parametrize(
    "call",
    [lambda store: store.all(), lambda store: store.create(MINE), lambda store: store.changed_since(0), lambda store: store.pause(1, "x")],
    ids=["all", "create", "changed_since", "pause"],
)
def test_an_archive_that_is_away_or_not_migrated_is_an_upstream_error(call: Callable[[FilterStore], object], postgres_dsn: str, tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="the archive's PostgreSQL"):
        call(FilterStore(f"postgresql://nobody@/none?host={tmp_path}"))
    with pytest.raises(UpstreamError, match="splanc archive migrate"):
        call(FilterStore(postgres_dsn))
