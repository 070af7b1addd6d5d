"""`splanc filter stats`: what filters did, and what was withheld."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from .. import head
from ..logs import configure_logs
from ._context import Config, DataDir, command, print_whole, say, settings_of

_NUMBERS = ("evaluated", "matched", "published", "withheld")


@command
def stats(
    name: Annotated[str | None, typer.Argument(help="Name of a filter; all of them if not given.", show_default=False)] = None,
    night: Annotated[int | None, typer.Option(help="Night, YYYYMMDD; all nights if not given.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line a filter and night.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print what filters did by night: evaluated, matched, published, withheld and why; exit with 1 if it does not add up."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say)
    names = head.filter_names(settings, name)
    found = [one for one in head.read_filter_stats(settings, night) if name is None or one.filter in names]
    if as_json:
        for one in found:
            print(json.dumps({"name": names.get(one.filter), **one.report()}))
    else:
        print_stats(found, names, Console())
    if any(one.problems() for one in found):
        raise typer.Exit(1)


def print_stats(found: Sequence[head.FilterNight], names: Mapping[int, str], console: Console) -> None:
    """Print the counts as a table, and whether they add up."""
    table = Table(title="filters by night", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("night", "filter"):
        table.add_column(title, no_wrap=True)
    for title in (*_NUMBERS, "MB", "CPU ms", "p50 s", "p99 s"):
        table.add_column(title, justify="right")
    table.add_column("why withheld", no_wrap=True)
    for one in found:
        said = one.report()
        table.add_row(
            str(one.night), names.get(one.filter, f"no. {one.filter}"), *(f"{said[title]:,}" for title in _NUMBERS),
            f"{one.size_bytes / 1e6:,.1f}", f"{one.cpu_us / 1000:,.0f}", *(_seconds(said[f"latency_{share}"]) for share in ("p50", "p99")),
            ", ".join(f"{reason}: {n:,}" for reason, n in said["withheld_by"].items()),
        )  # fmt: skip
    print_whole(table, console)
    problems = [problem for one in found for problem in one.problems()]
    for problem in problems:
        console.print(f"[red]does not add up:[/red] {problem}")
    if found and not problems:
        console.print("it adds up: matched = published + withheld, apart from filters whose output is none")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"
