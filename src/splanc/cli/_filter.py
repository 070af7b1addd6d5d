"""`splanc filter`: users' filters, from the first check to the versions of years."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from .. import archive, filters, head, kafka
from ..config import Settings
from ..errors import UpstreamError, UserError
from ..filters.definition import Definition, Filter, Output, State
from ..filters.tree import Tree, columns_of
from ..logs import configure_logs
from ..streams.addresses import target_of
from . import _filter_stats
from ._archive import Format, print_answer
from ._context import Config, DataDir, command, print_whole, say, settings_of
from ._filter_form import (
    BytesPerDay,
    Description,
    Name,
    OutputTo,
    Owner,
    Public,
    RecordsPerVisit,
    RunWhen,
    Select,
    Sql,
    Tables,
    Target,
    Where,
    difference,
    filter_record,
    login_name,
    said,
    texts_of,
    version_record,
)
from ._filter_rate import Yes, confirm_rate
from ._night import AsJson

filter_app = typer.Typer(help="Users' filters, which are tried on every alert.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    filter_app.command()(_filter_stats.stats)
    app.add_typer(filter_app, name="filter")


def store_of(settings: Settings) -> archive.FilterStore:
    """Return the store of filters; none may have a topic of splanc's own."""
    reserved = kafka.splanc_topics(settings.kafka)
    return archive.FilterStore(settings.archive_dsn, topic_prefix=settings.filters.topic_prefix, reserved=reserved)


def share(settings: Settings, store: archive.FilterStore) -> None:
    """Let those read the filters' topics who may, where that is splanc's to say."""
    try:
        filters.sync_access(settings, store.all())
    except UpstreamError as error:
        say(f"who may read its topic is as before ({error}); `splanc access sync` says it again")


@filter_app.command()
@command
def check(
    select: Select = None,
    tables: Tables = None,
    where: Where = None,
    sql: Sql = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Say whether a filter is valid, which tables and columns it uses, and what it costs; exit with 2 and the place if it is not."""
    configure_logs(quiet=True)
    settings = settings_of(data_dir, config)
    tree = filters.parse_filter(*_whole(texts_of(select, tables, where, sql)))
    cost_us = filters.check_cost(tree, limit_us=settings.filters.cost_limit_us)
    used = _used(tree)
    if as_json:
        print(json.dumps({**used, "cost_us": cost_us, "notes": list(tree.notes)}))
        return
    print("the filter is valid")
    for what, names in used.items():
        print(f"{what}: {', '.join(names)}")
    print(f"cost: {cost_us:,.0f} µs of CPU for 10,000 alerts")
    _say_notes(tree)


@filter_app.command()
@command
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the filter, unique among its owner's.")],
    select: Select = None,
    tables: Tables = None,
    where: Where = None,
    sql: Sql = None,
    description: Description = None,
    run: RunWhen = None,
    output: OutputTo = None,
    public: Public = None,
    target: Target = None,
    bytes_per_day: BytesPerDay = None,
    records_per_visit: RecordsPerVisit = None,
    yes: Yes = False,
    owner: Owner = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make a filter; all nodes run it within seconds."""
    configure_logs(quiet=True)
    selected, joined, conditions = _whole(texts_of(select, tables, where, sql))
    given = _given(description=description, run=run, output=output, public=public, target=target)
    definition = Definition(name=name, owner=owner or login_name(), selected=selected, tables=joined, conditions=conditions, **given)
    settings = settings_of(data_dir, config)
    _check_target(definition)
    cost_us = _cost(definition, settings)
    confirm_rate(settings, definition, yes=yes)
    store = store_of(head.start_services(settings, say, kafka=False))
    quotas = {"bytes_per_day": bytes_per_day or None, "records_per_visit": records_per_visit or None}
    made = store.create(definition, author=login_name(), cost_us=cost_us, **quotas)
    share(settings, store)
    _print(made, f"{made.definition.name} is filter {made.id}; its topic is {made.topic}", as_json=as_json)


@filter_app.command()
@command
def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="Its new name; the topic stays.", show_default=False)] = None,
    select: Select = None,
    tables: Tables = None,
    where: Where = None,
    sql: Sql = None,
    description: Description = None,
    run: RunWhen = None,
    output: OutputTo = None,
    public: Public = None,
    target: Target = None,
    bytes_per_day: BytesPerDay = None,
    records_per_visit: RecordsPerVisit = None,
    version: Annotated[int | None, typer.Option("--version", help="Edit only if this is its version still.", show_default=False)] = None,
    yes: Yes = False,
    owner: Owner = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make the next version of a filter; what is not given stays."""
    configure_logs(quiet=True)
    texts = texts_of(select, tables, where, sql)
    given = _given(name=new_name, description=description, run=run, output=output, public=public, target=target) | texts
    if not given and bytes_per_day is None and records_per_visit is None:
        raise UserError("nothing is to change; say what, for example --where …")
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    store = store_of(settings)
    was = store.get(owner or login_name(), name)
    if version is not None:
        was = replace(was, version=version)
    definition = replace(was.definition, **given)
    _check_target(definition)
    cost_us = _cost(definition, settings) if texts else was.cost_us
    if texts or run is not None:
        confirm_rate(settings, definition, yes=yes)
    quotas = {"bytes_per_day": bytes_per_day, "records_per_visit": records_per_visit}
    kept = {what: getattr(was, what) if number is None else number or None for what, number in quotas.items()}
    made = store.edit(was, definition, author=login_name(), cost_us=cost_us, **kept)
    share(settings, store)
    if made.state is State.paused:
        say(f"it is still paused ({made.reason}); `splanc filter resume` lets it run")
    _print(made, f"{made.definition.name} is at version {made.version}", as_json=as_json)


@filter_app.command("list")
@command
def list_(
    owner: Owner = None,
    everybody: Annotated[bool, typer.Option("--all", help="The filters of all users.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """List a user's filters."""
    configure_logs(quiet=True)
    found = _store(data_dir, config).all(None if everybody else owner or login_name())
    if as_json:
        print(json.dumps([filter_record(one) for one in found]))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("name", "owner", "version", "state", "run", "output", "readers", "topic", "changed (UTC)"):
        table.add_column(column, justify="right" if column == "version" else "left")
    for one in found:
        state = f"{one.state}: {one.reason}" if one.reason else str(one.state)
        modes = one.definition.run.name, one.definition.output.name, "everybody" if one.definition.public else "its owner"
        table.add_row(one.definition.name, one.definition.owner, str(one.version), state, *modes, one.topic, f"{one.changed:%Y-%m-%d %H:%M}")
    print_whole(table)


@filter_app.command()
@command
def show(
    name: Name,
    versions: Annotated[bool, typer.Option("--versions", help="All versions: who wrote each, and when.")] = False,
    diff: Annotated[int | None, typer.Option("--diff", metavar="VERSION", help="What has changed since this version.", show_default=False)] = None,
    owner: Owner = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show a filter, its versions, or what has changed since one of them."""
    configure_logs(quiet=True)
    store = _store(data_dir, config)
    one = store.get(owner or login_name(), name)
    if diff is None and not versions:
        _print(one, "\n".join([*_head(one), *said(one)]), as_json=as_json)
        return
    kept = store.versions(one.id)
    if diff is not None:
        old = next((version for version in kept if version.number == diff), None)
        if old is None:
            raise UserError(f"{one.definition.name} has no version {diff}; it has 1 to {one.version}")
        print("\n".join(difference(old, kept[-1])))
    elif as_json:
        print(json.dumps([version_record(version) for version in kept]))
    else:
        for version in kept:
            print(f"version {version.number}, {version.author} {version.created:%Y-%m-%d %H:%M}", *said(version), sep="\n  ")


@filter_app.command()
@command
def pause(
    name: Name,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, in words.", show_default=False)] = None,
    owner: Owner = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Pause a filter on all nodes."""
    configure_logs(quiet=True)
    store = _store(data_dir, config)
    one = store.get(owner or login_name(), name)
    paused = store.pause(one.id, reason or f"by {login_name()}")
    print(f"{one.definition.name} is paused" if paused else f"{one.definition.name} was paused before: {one.reason}")


@filter_app.command()
@command
def resume(name: Name, yes: Yes = False, owner: Owner = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Let a paused filter run again."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    store = store_of(settings)
    one = store.get(owner or login_name(), name)
    if one.state is State.paused:
        confirm_rate(settings, one.definition, yes=yes)
    print(f"{one.definition.name} runs again" if store.resume(one.id) else f"{one.definition.name} was not paused")


@filter_app.command()
@command
def delete(name: Name, owner: Owner = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Delete a filter; its topic is left as it is, and no other filter gets it."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    store = store_of(settings)
    one = store.get(owner or login_name(), name)
    store.delete(one.id)
    share(settings, store)
    print(f"{one.definition.name} is deleted")


@filter_app.command("run")
@command
def run_(
    name: Name,
    in_archive: Annotated[bool, typer.Option("--archive", help="On the newest state of every object in the archive.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Most rows. Default: archive.query_rows.", show_default=False)] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    owner: Owner = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Run a filter on past data, read-only, with limits of time and rows."""
    configure_logs(quiet=True)
    if not in_archive:
        raise UserError("say on what it is to run: --archive")
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    definition = store_of(settings).get(owner or login_name(), name).definition
    tree = filters.parse_filter(definition.selected, definition.tables, definition.conditions)
    rows = min(limit or settings.archive.query_rows, settings.archive.query_rows)
    statement = filters.as_sql(tree, "postgresql", datetime.now(UTC))
    answer = archive.query(settings.archive_dsn, statement, seconds=settings.archive.query_seconds, rows=rows)
    print_answer(replace(answer, columns=tuple(one.name for one in tree.selected)), format_)
    if not answer.complete:
        say(f"only the first {rows:,} rows")


def _store(data_dir: Any, config: Any) -> archive.FilterStore:
    return store_of(head.start_services(settings_of(data_dir, config), say, kafka=False))


def _whole(texts: dict[str, str]) -> tuple[str, str, str]:
    if not texts.get("selected", "").strip():
        raise UserError("say what the filter selects: --select, or --sql with one SELECT … FROM … WHERE …")
    return texts["selected"], texts.get("tables", "objects"), texts.get("conditions", "")


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _cost(definition: Definition, settings: Settings) -> float:
    """Return what a definition costs, µs of CPU for 10,000 alerts, and say what its owner should know.

    Raises
    ------
    FilterError
        If it is not valid, or costs too much.
    """
    tree = filters.parse_filter(definition.selected, definition.tables, definition.conditions)
    _say_notes(tree)
    return filters.check_cost(tree, limit_us=settings.filters.cost_limit_us)


def _check_target(definition: Definition) -> None:
    """Refuse a digest or a webhook that could not be delivered."""
    if definition.output in {Output.digest, Output.webhook}:
        target_of(definition.output, definition.target)


def _used(tree: Tree) -> dict[str, list[str]]:
    """Return what a filter takes and gives: tables, columns and the keys of its records."""
    nodes = [one.node for one in tree.selected] + [node for node, _ in tree.order] + ([] if tree.conditions is None else [tree.conditions])
    tables = [one.table if one.parameter is None else f"{one.table}:{one.parameter}" for one in tree.joined]
    return {"tables": tables, "columns": sorted(f"{alias}.{name}" for alias, name in columns_of(*nodes)), "record": [one.name for one in tree.selected]}


def _head(one: Filter) -> list[str]:
    state = f"{one.state} ({one.reason})" if one.reason else str(one.state)
    times = f"created {one.created:%Y-%m-%d %H:%M}, changed {one.changed:%Y-%m-%d %H:%M} (UTC)"
    return [f"filter {one.id} of {one.definition.owner}, version {one.version}, {state}; {times}", f"topic: {one.topic}"]


def _say_notes(tree: Tree) -> None:
    for note in tree.notes:
        say(note)


def _print(one: Filter, line: str, *, as_json: bool) -> None:
    print(json.dumps(filter_record(one)) if as_json else line)
