"""`splanc filter backtest`, `explain`, `misses` and `compact`: filters on past nights, as they were."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from .. import filters, head, past
from ..config import Settings
from ..errors import UpstreamError, UserError
from ..filters.tree import Tree
from ..logs import configure_logs
from ._context import Config, DataDir, command, finite, print_whole, say, settings_of
from ._filter import filter_app, store_of
from ._filter_form import Owner, Select, Sql, Tables, Where, login_name, texts_of
from ._filter_tree import draw
from ._night import AsJson

_log = structlog.get_logger()

_FIRST_NIGHT = 19_000_101
"""A number from here on is a night."""

_LEAST_PRIORITY = 19
"""Niceness of a process that has the processor when no other one wants it."""

Nights = Annotated[
    list[int] | None,
    typer.Option(
        "--nights", metavar="N|NIGHT", min=1, help="How many of the newest nights, or a night YYYYMMDD; may be repeated. Default: 1.", show_default=False
    ),
]
Night = Annotated[int | None, typer.Option("--night", help="Night, YYYYMMDD. Default: the newest that has rows.", show_default=False)]


def register(_app: typer.Typer) -> None:
    """Add the commands to those of `splanc filter`."""
    for function in (backtest, explain, misses, compact):
        filter_app.command()(function)


@command
def backtest(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A stored filter; or give its texts.", show_default=False)] = None,
    select: Select = None,
    tables: Tables = None,
    where: Where = None,
    sql: Sql = None,
    nights: Nights = None,
    owner: Owner = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Try a filter on past nights: what it would have passed of the alerts as they were, how much it would have sent, and what it costs."""
    configure_logs(quiet=True)
    settings = settings_of(data_dir, config)
    tree, _ = _understood(settings, name, owner, texts_of(select, tables, where, sql))
    counts, numbers = _split(nights or [])
    tests = []
    for night in past.chosen_nights(settings.rows_folder, numbers, counts):
        tests.append(past.backtest(settings.rows_folder, tree, night, _say_damage))
        if not as_json:
            say(f"{night}: {tests[-1].matches:,} of {tests[-1].alerts:,} alerts")
    if as_json:
        print(json.dumps(finite([{**asdict(test), "rate": test.rate} for test in tests])))
    else:
        _print_tests(tests)


@command
def explain(
    first: Annotated[str, typer.Argument(metavar="[NAME]", help="A stored filter; or give its texts.")],
    second: Annotated[str | None, typer.Argument(metavar="DIAOBJECTID", help="The object: its diaObjectId, or its ssObjectId if it moves.")] = None,
    select: Select = None,
    tables: Tables = None,
    where: Where = None,
    sql: Sql = None,
    at: Annotated[int | None, typer.Option("--at", metavar="VISIT", help="The alert of this visit. Default: the newest.", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for the next alert of the object.")] = False,
    owner: Owner = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Say why a filter passed an alert or did not: its conditions as a tree, with values, true, false or NULL, and by how much it was missed."""
    configure_logs(quiet=True)
    name, identity = (None, first) if second is None else (first, second)
    if not identity.isdecimal():
        raise UserError(f"{identity!r} is no diaObjectId: give the filter's name and then a number, or the filter's texts and a number")
    if follow and at is not None:
        raise UserError("--follow waits for the next alert, and --at asks for a past one; give one of them")
    settings = settings_of(data_dir, config)
    tree, text = _understood(settings, name, owner, texts_of(select, tables, where, sql))
    alert = _alert_of(settings.rows_folder, int(identity), _key_of(tree), visit=at, follow=follow)
    explanation = past.explain(tree, alert, text=text)
    if as_json:
        print(json.dumps(finite(explanation.record()), default=str))
    else:
        draw(explanation)


@command
def misses(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A stored filter; or give its texts.", show_default=False)] = None,
    select: Select = None,
    tables: Tables = None,
    where: Where = None,
    sql: Sql = None,
    night: Night = None,
    owner: Owner = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Say which condition, left out, would have let most alerts of a night through."""
    configure_logs(quiet=True)
    settings = settings_of(data_dir, config)
    tree, text = _understood(settings, name, owner, texts_of(select, tables, where, sql))
    (chosen,) = past.chosen_nights(settings.rows_folder, () if night is None else (night,), None)
    found = past.misses(settings.rows_folder, tree, chosen, _say_damage, text=text)
    if as_json:
        print(json.dumps(asdict(found)))
        return
    table = _table(f"night {found.night}: {found.alerts:,} alerts, {found.matched:,} pass", "condition", "failed", "failed alone")
    for one in found.conditions:
        table.add_row(Text(one.condition), f"{one.failed:,}", f"{one.alone:,}")
    print_whole(table)


@command
def compact(
    nights: Annotated[list[int] | None, typer.Argument(metavar="[NIGHT]...", help="Nights, YYYYMMDD. Default: all that are over.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = False,
    background: Annotated[
        bool,
        typer.Option(
            "--background", help="Give way to all other processes, and leave alone what another one is at or nodes may still write to: as nodes call it."
        ),
    ] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make one file of the rows of each night that is over, and delete nights that are longer ago than filters.rows_nights; safe to repeat."""
    configure_logs(quiet=not background)
    settings = settings_of(data_dir, config)
    folder = settings.rows_folder
    if background:
        os.nice(_LEAST_PRIORITY)
    if not nights:
        for night, size_bytes in past.expire_nights(folder, settings.filters.rows_nights, dry_run=dry_run, wait=not background):
            _log.info("past night deleted", night=night, bytes=size_bytes)
            if not background:
                print(f"{night}: {'would be ' if dry_run else ''}deleted, {size_bytes / 1e6:,.1f} MB")
    over = past.chosen_nights(folder, tuple(nights), None) if nights else past.due_nights(folder, quiet_seconds=past.QUIET_SECONDS if background else 0.0)
    failures = [] if dry_run else [error for night in over if (error := _compacted(folder, night, background=background)) is not None]
    if failures:
        raise UpstreamError("; ".join(map(str, failures)))


def _compacted(folder: Path, night: int, *, background: bool) -> UpstreamError | None:
    """Compact a night and say what came of it, or return why it could not be."""
    try:
        done = past.compact_night(folder, night, _say_damage, wait=not background)
    except UpstreamError as error:
        return error
    if done is not None:
        _log.info("past night compacted", **asdict(done))
    if done is not None and not background:
        sizes = f"{done.bytes_before / 1e6:,.1f} MB in {done.files:,} files, now {done.bytes_after / 1e6:,.1f} MB"
        print(f"{night}: {done.rows:,} alerts, {sizes}")
    return None


def _understood(settings: Settings, name: str | None, owner: str | None, texts: dict[str, str]) -> tuple[Tree, str]:
    """Return a filter that is stored, or was given as texts, and its conditions.

    Raises
    ------
    UserError
        If neither was given, or both, or there is no such filter.
    FilterError
        If a text is not valid.
    """
    if (name is None) == (not texts):
        raise UserError("give either the name of a filter, or its texts: --select, --tables and --where, or --sql")
    if name is None:
        texts = {"selected": "objects.diaObjectId", "tables": "objects", "conditions": "", **texts}
    else:
        definition = store_of(head.start_services(settings, say, kafka=False)).get(owner or login_name(), name).definition
        texts = {"selected": definition.selected, "tables": definition.tables, "conditions": definition.conditions}
    return filters.parse_filter(texts["selected"], texts["tables"], texts["conditions"]), texts["conditions"]


def _split(nights: Sequence[int]) -> tuple[int | None, tuple[int, ...]]:
    """Return how many of the newest nights are asked for, and which nights."""
    counts = [number for number in nights if number < _FIRST_NIGHT]
    numbers = tuple(number for number in nights if number >= _FIRST_NIGHT)
    if (counts and numbers) or len(counts) > 1:
        raise UserError("--nights: give one number of nights, or nights YYYYMMDD")
    return (counts[0] if counts else None), numbers


def _key_of(tree: Tree) -> str:
    """Return the id by which a filter's alerts are found: of objects that move, another."""
    return "ssObjectId" if tree.joined[0].table == "ss_objects_latest" else "diaObjectId"


def _alert_of(folder: Path, identity: int, key: str, *, visit: int | None, follow: bool) -> Any:
    if follow:
        say(f"waiting for the next alert of {key} {identity} (Ctrl-C ends it)")
        return next(past.follow_alerts(folder, identity, _say_damage, key=key))
    alert = past.find_alert(folder, identity, _say_damage, key=key, visit=visit)
    if alert is None:
        of_visit = "" if visit is None else f" of visit {visit}"
        raise UserError(f"no past night has an alert{of_visit} with {key} {identity}; there are nights {', '.join(map(str, past.nights_in(folder))) or 'none'}")
    return alert


def _print_tests(tests: Sequence[Any]) -> None:
    table = _table("", "night", "alerts", "matches", "rate", "records, kB", "CPU, µs per 10,000", "some of the objects")
    for test in tests:
        sizes = f"{test.alerts:,}", f"{test.matches:,}", f"{100 * test.rate:.3g} %", f"{test.record_bytes / 1e3:,.1f}", f"{test.cost_us:,.0f}"
        table.add_row(str(test.night), *sizes, " ".join(map(str, test.sample)))
    print_whole(table)


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="left" if column.startswith("some") else "right")
    return table


def _say_damage(damage: past.RowsDamaged) -> None:
    say(f"{damage}; going on without it")
