"""What all commands share: their options, the settings, and how errors reach the user."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.tree import Tree

from .. import kafka
from ..config import Settings, load_settings
from ..errors import SplancError, UpstreamError, UserError

USER_ERROR = 2
"""Exit code when the request cannot be carried out as given."""

UPSTREAM_ERROR = 3
"""Exit code when something splanc relies on failed."""

_UNBOUNDED = 100_000
"""More characters than any line has."""

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of everything splanc keeps on this machine.", envvar="SPLANC_DATA_DIR", show_default=False)
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file, instead of splanc.toml in the data directory.", envvar="SPLANC_CONFIG", show_default=False)
]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def say(line: str) -> None:
    """Tell the user something that is not the command's result."""
    print(f"splanc: {line}", file=sys.stderr, flush=True)


def print_whole(drawing: Table | Tree, console: Console | None = None) -> None:
    """Print a table or a tree as wide as it is: a long line is better than a number with its end cut off, or a column that is missing."""
    console = console or Console()
    console.width = max(console.width, Measurement.get(console, console.options.update(width=_UNBOUNDED), drawing).maximum)
    console.print(drawing)


def finite(value: Any) -> Any:
    """Return a value for JSON, which has no infinity and no NaN: they become null, also inside lists and dicts."""
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def fail(error: SplancError) -> NoReturn:
    """End the command with an error's message and exit code."""
    print(f"splanc: {error}", file=sys.stderr, flush=True)
    raise typer.Exit(UPSTREAM_ERROR if isinstance(error, UpstreamError) else USER_ERROR)


def command(function: _Command) -> _Command:
    """Make a function's errors those of a command: a message instead of a traceback."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except SplancError as error:
            fail(error)

    return cast("_Command", run)


def settings_of(data_dir: Path | None, config: Path | None) -> Settings:
    """Return the settings, with the data directory made, and with what splanc's own clients need to reach the embedded Kafka.

    Raises
    ------
    UserError
        If the configuration is not valid, or the data directory cannot be made.
    """
    settings = load_settings(data_dir, config)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the data directory {settings.data_dir}: {error.strerror}; give another with --data-dir") from error
    return kafka.with_credentials(settings)
