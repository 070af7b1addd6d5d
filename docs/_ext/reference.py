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
from splanc.crossmatch import CLASSIFICATION_COLUMNS
from splanc.crossmatch.catalogues import SOURCE_COLUMNS, Profile, load_profile, profile_names
from splanc.crossmatch.classifier import Merging, Ranking, Rules, Search, load_rules
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


def source_columns() -> str:
    """Return the common record of a catalogue's rows."""
    rows = []
    for field in SOURCE_COLUMNS:
        unit, description = (field.metadata[key].decode() for key in (b"unit", b"description"))
        rows.append((f"`{field.name}`", str(field.type), unit, description))
    return table(("column", "type", "unit", "meaning"), rows)


def profiles() -> str:
    """Return every profile: what it is and whom to cite, and what its columns are made of."""
    known = [load_profile(name) for name in profile_names()]
    head = ("profile", "catalogue", "role", "epoch", "published as", "please cite", "terms")
    rows = [(f"`{one.name}`", one.title, one.role, one.epoch or "", one.reference, one.citation, one.licence) for one in known]
    return "\n".join([table(head, rows), *(f"### {one.name}\n\n{profile_columns(one)}" for one in known)])


def profile_columns(profile: Profile) -> str:
    """Return what each column of a profile is made of, and the names that its inputs have where they are published."""
    made = [*profile.expressions.items(), *((f"mag {one['filter']}", one["mag"]) for one in profile.magnitudes)]
    rows = [(f"`{name}`", f"`{cell(expression)}`") for name, expression in made]
    inputs = []
    for one in profile.inputs.values():
        nulls = ", ".join(f"{value:g}" for value in one.nulls)
        inputs.append((f"`{one.name}`", ", ".join(f"`{name}`" for name in one.names), one.unit if one.is_number else "text", nulls))
    keep = f"Rows are kept where `{profile.keep}`.\n\n" if profile.keep else ""
    return f"{keep}{table(('column', 'made of'), rows)}\n{table(('input', 'published as', 'unit', 'none is written'), inputs)}"


def classification_columns() -> str:
    """Return what the classifier says of an object."""
    rows = []
    for field in CLASSIFICATION_COLUMNS:
        unit, description = (field.metadata[key].decode() for key in (b"unit", b"description"))
        rows.append((f"`{field.name}`", str(field.type), unit, description))
    return table(("column", "type", "unit", "meaning"), rows)


def classifier_keys() -> str:
    """Return the keys of the classifier's rules, table by table."""
    parts = []
    for title, model in (("Top of the file", Rules), ("`[merging]`", Merging), ("`[ranking]`", Ranking), ("`[[search]]`", Search)):
        fields = {name: field for name, field in model.model_fields.items() if field.description and name not in ("search", "source")}
        rows = [(f"`{name}`", "required" if field.is_required() else default_of(field), field.description) for name, field in fields.items()]
        parts.append(f"### {title}\n\n{table(('key', 'default', 'meaning'), rows)}")
    return "\n".join(parts)


def classifier_rules() -> str:
    """Return the searches that come with splanc, in order."""
    rules = load_rules(None)
    head = ("search", "catalogue", "of", "synonym", "association", "within", "accuracy")
    return table(head, [search_row(one, rules.synonym_arcsec) for one in rules.search])


def search_row(search: Search, synonym_arcsec: float) -> tuple[str, ...]:
    """Return one search of the classifier's rules."""
    limits = {"mag ≥": search.mag_min, "mag ≤": search.mag_max, "axis ≥": search.semi_major_min_arcsec, "axis ≤": search.semi_major_max_arcsec}
    conditions = [", ".join((*search.kinds, *search.types))] if search.kinds or search.types else []
    conditions += [f"{name} {value:g}" for name, value in limits.items() if value is not None]
    conditions += [f"motion ≥ {search.pm_min_mas_yr:g} mas/yr"] if search.pm_min_mas_yr else []
    conditions += [] if search.has_distance is None else ["with distance" if search.has_distance else "without distance"]
    synonym = f"{search.synonym}, {search.synonym_arcsec or synonym_arcsec:g}″" if search.synonym else ""
    association = f"{search.association}, {search.association_arcsec:g}″" if search.association else ""
    within = f"{search.physical_kpc:g} kpc" if search.physical_kpc else "extent" if search.within_extent else ""
    return search.name, f"`{search.catalogue}`", "; ".join(conditions) or "all", synonym, association, within, str(search.accuracy)


MAKERS: Mapping[str, Callable[[], str]] = {
    "classification_columns": classification_columns,
    "classifier_keys": classifier_keys,
    "classifier_rules": classifier_rules,
    "commands": commands,
    "deliver_metrics": deliver_metrics,
    "features": features,
    "filter_tables": filter_tables,
    "metrics": metrics,
    "operations": operations,
    "refused_functions": refused_functions,
    "profiles": profiles,
    "settings": settings,
    "source_columns": source_columns,
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
