"""Sphinx extension: parts of the reference that are made from the code.

A page of the reference holds a mark, `<!-- made from the code: settings -->`, where the tables go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import typer.main
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx

from splanc.cli import app as commands_app
from splanc.config import Settings
from splanc.features import FEATURE_COLUMNS
from splanc.features.variability import FEATURES
from splanc.filters.operations import GROUPS
from splanc.filters.refusals import REFUSALS
from splanc.filters.spellings import SPELLINGS
from splanc.filters.tables import TABLES, Table
from splanc.metrics import DeliverMetrics, Metrics

MARK = re.compile(r"<!-- made from the code: (\w+) -->")


def cell(text: object) -> str:
    """Return a text as one cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table in Markdown, or nothing when it has no rows."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    titles = list(head)
    return "\n".join([f"| {' | '.join(titles)} |", "|" + "---|" * len(titles), *lines, ""]) if lines else ""


def default_of(field: FieldInfo) -> str:
    """Return a setting's default as it would stand in the file."""
    if field.default_factory is not None:
        return "the user's data folder"
    return "unset" if field.default is None else f"`{json.dumps(field.default)}`"


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the sections of the configuration; the first, without a name, is the top."""
    yield "", Settings
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def settings() -> str:
    """Return every setting, section by section."""
    named = dict(sections())
    parts = []
    for section, model in named.items():
        fields = {name: field for name, field in model.model_fields.items() if section or name not in named}
        rows = [(f"`{name}`", default_of(field), field.description, f"`{variable(section, name)}`") for name, field in fields.items()]
        title = f"## `[{section}]`\n\n{model.__doc__}" if section else "## Top of the file"
        parts.append(f"{title}\n\n{table(('setting', 'default', 'meaning', 'variable'), rows)}")
    return "\n".join(parts)


def variable(section: str, name: str) -> str:
    """Return the environment variable of a setting."""
    return "SPLANC_" + "__".join(part.upper() for part in (section, name) if part)


def leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command that does something, with its words."""
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    if not inner:
        yield words, command
    for name, child in inner.items():
        if not child.hidden:
            yield from leaves(child, (*words, name))


def parameter_row(parameter: Any) -> tuple[str, str, str]:
    """Return one argument or option of a command, its default, its meaning."""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = "required" if parameter.required else "" if parameter.default in (None, False, ()) else f"`{parameter.default}`"
    return names if names.startswith("`-") else names.upper(), default, parameter.help or ""


def commands() -> str:
    """Return every command with its arguments and options."""
    parts = []
    for words, command in leaves(typer.main.get_command(commands_app), ("splanc",)):
        rows = [parameter_row(parameter) for parameter in command.params if not parameter.hidden and parameter.name != "help"]
        parts.append(f"## `{' '.join(words)}`\n\n{command.help}\n\n{table(('argument or option', 'default', 'meaning'), rows)}")
    return "\n".join(parts)


def metrics() -> str:
    """Return every metric of a node."""
    return counted_by(Metrics())


def deliver_metrics() -> str:
    """Return every metric of `splanc deliver`."""
    return counted_by(DeliverMetrics())


def counted_by(owner: Metrics | DeliverMetrics) -> str:
    """Return every metric of a process; names of counters end as Prometheus shows them."""
    declared = {next(iter(metric.describe())).name: metric._labelnames for metric in vars(owner).values() if isinstance(metric, MetricWrapperBase)}  # noqa: SLF001 -- no public way
    rows = []
    for family in owner.registry.collect():
        labels = declared.get(family.name) or sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        name = f"`{family.name}{'_total' * (family.type == 'counter')}`"
        rows.append((name, family.type, ", ".join(f"`{label}`" for label in labels), family.documentation))
    return table(("metric", "type", "labels", "meaning"), rows)


def features() -> str:
    """Return what features add to `objects`."""
    rows = []
    for field in FEATURE_COLUMNS:
        unit, description = (field.metadata[key].decode() for key in (b"unit", b"description"))
        rows.append((f"`{field.name}`", str(field.type), unit, description))
    return table(("column", "type", "unit", "meaning"), rows)


def variability() -> str:
    """Return every feature of the variability set, as each series has it."""
    rows = []
    for field in FEATURES:
        said = {key.decode(): text.decode() for key, text in field.metadata.items()}
        rows.append((f"`{field.name}`", said["unit"], said["description"], said["formula"], said["needs"], said["source"]))
    return table(("column", "unit", "meaning", "formula", "NULL without", "source"), rows)


def filter_tables() -> str:
    """Return the tables that filters may name."""
    rows = []
    for name, one in TABLES.items():
        parameter = "" if one.parameter is None else ":topic" if one.parameter == "topic" else ":N"
        columns = ", ".join(f"`{column}`" for column in some(one))
        rows.append((f"`{name}{parameter}`", len(one.columns), "several an alert" if one.many else "one an alert", columns))
    return table(("table", "columns", "rows", "such as"), rows)


def some(one: Table) -> list[str]:
    """Return the first columns of a table; all where they are few."""
    names: list[str] = one.columns.names
    return names if len(names) <= 10 else [*names[:8], "…"]


def operations() -> str:
    """Return every operator and function of filters, group by group."""
    parts = []
    for title, rules in GROUPS.items():
        rows = [(called(rule.name, rule.words), rule.says, f"`{rule.example}`" if rule.example else "") for rule in rules]
        parts.append(f"### {title}\n\n{table(('operation', 'gives', 'example'), rows)}")
    rows = [(f"`{name}`", one.means, f"`{one.example}`") for name, one in SPELLINGS.items() if one.means]
    return "\n".join([*parts, f"### Other spellings\n\n{table(('function', 'means', 'example'), rows)}"])


def refused_functions() -> str:
    """Return the functions that filters do not have, and why."""
    rows = [(", ".join(f"`{name}`" for name in sorted(refusal.names)), f"each {refusal.why}", refusal.hint) for refusal in REFUSALS]
    return table(("functions", "why", "instead"), rows)


def called(name: str, words: Iterable[str]) -> str:
    """Return how users write an operation."""
    return ", ".join(f"`{word}()`" for word in words) or f"`{name.upper().replace('_', ' ')}`"


MAKERS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "deliver_metrics": deliver_metrics,
    "features": features,
    "filter_tables": filter_tables,
    "metrics": metrics,
    "operations": operations,
    "refused_functions": refused_functions,
    "settings": settings,
    "variability": variability,
}
"""What a mark may ask for."""


def fill(_app: Sphinx, _docname: str, source: list[str]) -> None:
    """Put the made parts into a page that Sphinx has read."""
    source[0] = MARK.sub(lambda mark: MAKERS[mark.group(1)](), source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
