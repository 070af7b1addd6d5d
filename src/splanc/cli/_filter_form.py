"""What users say of a filter on the command line, and how a filter is shown to them."""

from __future__ import annotations

import difflib
import getpass
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from .. import archive, filters
from ..errors import UserError
from ..filters.definition import Filter, Output, Run

_LARGEST_QUOTA = 10**15
"""More than anybody can mean."""

_Word = TypeVar("_Word", bound=IntEnum)


def _words(kind: type[IntEnum]) -> str:
    return "|".join(word.name for word in kind)


def _word(kind: type[_Word], text: str) -> _Word:
    """Return what a word, or Lasair's number of it, means."""
    named = {**{word.name: word for word in kind}, **{str(word.value): word for word in kind}}
    if text not in named:
        raise typer.BadParameter(f"{text!r} is none of {_words(kind)}")
    return named[text]


def _run(text: str) -> Run:
    return _word(Run, text)


def _output(text: str) -> Output:
    return _word(Output, text)


Name = Annotated[str, typer.Argument(metavar="NAME", help="The filter's name, in any case.")]
Owner = Annotated[str | None, typer.Option("--owner", help="Whose filter it is. Default: the login name.", show_default=False)]
Select = Annotated[
    str | None, typer.Option("--select", help="What stands after SELECT; @FILE reads it from a file, @- from standard input.", show_default=False)
]
Tables = Annotated[str | None, typer.Option("--tables", help="What the filter joins, as in Lasair; `objects` is always there.", show_default=False)]
Where = Annotated[str | None, typer.Option("--where", help="What stands after WHERE; @FILE and @- as above.", show_default=False)]
Sql = Annotated[str | None, typer.Option("--sql", help="All three as one SELECT … FROM … WHERE …; @FILE and @- as above.", show_default=False)]
Description = Annotated[str | None, typer.Option("--description", help="What the filter is for.", show_default=False)]
RunWhen = Annotated[Run | None, typer.Option("--run", parser=_run, metavar=_words(Run), help="When it runs; at first on_alert.", show_default=False)]
OutputTo = Annotated[
    Output | None, typer.Option("--output", parser=_output, metavar=_words(Output), help="Where matches go; at first to its stream.", show_default=False)
]
Public = Annotated[bool | None, typer.Option("--public/--private", help="Whether everybody may read its matches and its text.", show_default=False)]
Target = Annotated[str | None, typer.Option("--target", help="Mail address of a digest, or address of a webhook.", show_default=False)]
BytesPerDay = Annotated[
    int | None, typer.Option("--bytes-per-day", min=0, max=_LARGEST_QUOTA, help="Most bytes that it may publish in a day; 0: no limit.", show_default=False)
]
RecordsPerVisit = Annotated[
    int | None,
    typer.Option("--records-per-visit", min=0, max=_LARGEST_QUOTA, help="Most matches that it may publish of a visit; 0: no limit.", show_default=False),
]


def login_name() -> str:
    """Return the name of who runs the command.

    Raises
    ------
    UserError
        If the machine does not know it.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise UserError("this process runs as a user without a name; say whose filter it is with --owner") from error


def texts_of(select: str | None, tables: str | None, where: str | None, sql: str | None) -> dict[str, str]:
    """Return the texts that were given, by their names in `Definition`; those that were not are left out.

    Raises
    ------
    UserError
        If a file cannot be read, or a whole statement was given beside its parts.
    """
    if sql is None:
        given = {"selected": select, "tables": tables, "conditions": where}
        return {name: _read(text) for name, text in given.items() if text is not None}
    if (select, tables, where) != (None, None, None):
        raise UserError("give either --sql, or --select, --tables and --where")
    return dict(zip(("selected", "tables", "conditions"), filters.parse_statement(_read(sql)), strict=True))


def _read(text: str) -> str:
    if not text.startswith("@"):
        return text
    if text == "@-":
        return sys.stdin.read().strip()
    try:
        return Path(text[1:]).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {text[1:]}: {getattr(error, 'strerror', None) or error}") from error


def filter_record(one: Filter) -> dict[str, Any]:
    """Return a filter for JSON."""
    definition = one.definition
    texts = {name: getattr(definition, name) for name in ("owner", "name", "description", "selected", "tables", "conditions")}
    modes = {"run": definition.run.name, "output": definition.output.name, "public": definition.public, "target": definition.target}
    state = {name: getattr(one, name) for name in ("topic", "state", "reason", "cost_us", "bytes_per_day", "records_per_visit")}
    times = {"created": one.created.isoformat(), "changed": one.changed.isoformat()}
    return {"id": one.id, "version": one.version, **texts, **modes, **state, **times}


def version_record(version: archive.FilterVersion) -> dict[str, Any]:
    """Return a version of a filter for JSON."""
    return {"version": version.number, "author": version.author, "created": version.created.isoformat(), "text": said(version)}


def said(one: Filter | archive.FilterVersion) -> list[str]:
    """Return what a filter, or a version of one, says: a line for each line of each text, with the text's name before it."""
    definition = one.definition
    texts = {
        "name": definition.name,
        "description": definition.description,
        "select": definition.selected,
        "tables": definition.tables,
        "where": definition.conditions,
        "run": definition.run.name,
        "output": definition.output.name,
        "target": definition.target,
        "readers": "everybody" if definition.public else "its owner",
        "bytes per day": str(one.bytes_per_day or ""),
        "records per visit": str(one.records_per_visit or ""),
    }
    return [f"{name}: {line}" for name, text in texts.items() for line in text.splitlines()]


def difference(old: archive.FilterVersion, new: archive.FilterVersion) -> Sequence[str]:
    """Return what has changed from one version to another, as a unified diff."""
    was, now = (f"version {version.number}, {version.author} {version.created:%Y-%m-%d %H:%M}" for version in (old, new))
    return list(difflib.unified_diff(said(old), said(new), was, now, lineterm=""))
