"""The parts of the reference that are made from the code: complete, and asked for by their pages."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
import typer.main

from docs._ext import reference
from splanc.cli import app
from splanc.config import load_settings
from splanc.crossmatch import CLASSIFICATION_COLUMNS
from splanc.crossmatch.catalogues import SOURCE_COLUMNS, load_profile, profile_names
from splanc.crossmatch.classifier import Merging, Ranking, Rules, Search, load_rules
from splanc.features import FEATURE_COLUMNS
from splanc.features.variability import FEATURES
from splanc.filters.language import parse_filter
from splanc.filters.operations import OPERATIONS
from splanc.filters.refusals import REFUSALS
from splanc.filters.spellings import SPELLINGS
from splanc.filters.tables import TABLES
from splanc.metrics import DeliverMetrics, Metrics

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"

SETTINGS = [(section, name) for section, model in reference.sections() for name in model.model_fields if section or name == "data_dir"]
COMMANDS = list(reference.leaves(typer.main.get_command(app), ("splanc",)))


def lines_of(text: str, first_cell: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {first_cell} |")]


@pytest.mark.parametrize(("section", "name"), SETTINGS)
def test_every_setting_is_documented(section: str, name: str) -> None:
    part = reference.settings().split(f"## `[{section}]`" if section else "## Top of the file")[1].split("\n## ")[0]
    (line,) = lines_of(part, f"`{name}`")
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    assert cells[3] == f"`SPLANC_{section.upper()}{'__' * bool(section)}{name.upper()}`"
    assert len(cells[2]) > 10
    assert cells[2] != "None"


def test_variables_set_what_they_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(reference.variable("kafka", "group"), "night-shift")
    assert load_settings(tmp_path).kafka.group == "night-shift"


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_command_and_option_is_documented(words: tuple[str, ...], command) -> None:
    part = reference.commands().split(f"## `{' '.join(words)}`\n")[1].split("\n## ")[0]
    assert command.help
    assert command.help in part
    for parameter in command.params:
        if not parameter.hidden and parameter.name != "help":
            names, _, meaning = reference.parameter_row(parameter)
            assert len(meaning) > 5, f"{' '.join(words)} {names} has no help"
            assert len(lines_of(part, names)) == 1


def test_every_metric_is_documented() -> None:
    text = reference.metrics()
    for owner, said in ((Metrics(), text), (DeliverMetrics(), reference.deliver_metrics())):
        families = list(owner.registry.collect())
        assert len(families) > 5
        for family in families:
            (line,) = lines_of(said, f"`{family.name}{'_total' * (family.type == 'counter')}`")
            assert family.documentation.rstrip(".") in line
    assert "`stage`, `error_type`" in lines_of(text, "`splanc_stage_errors_total`")[0]
    assert "`side`" in lines_of(text, "`splanc_node_latency_seconds`")[0]


@pytest.mark.parametrize("field", list(FEATURE_COLUMNS), ids=lambda field: field.name)
def test_every_feature_is_documented(field: pa.Field) -> None:
    (line,) = lines_of(reference.features(), f"`{field.name}`")
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    assert cells[1] == str(field.type)
    assert cells[2] or pa.types.is_integer(field.type) or field.name.endswith(("R", "Bands"))
    assert len(cells[3]) > 10


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_is_documented(name: str) -> None:
    rule = OPERATIONS[name]
    (line,) = [line for line in lines_of(reference.operations(), reference.called(name, rule.words)) if reference.cell(rule.says) in line]
    assert len(rule.says) > 5
    if rule.words:
        assert reference.cell(rule.example) in line
        tables = "objects, alert, sherlock_classifications, crossmatch_tns, annotator:fast, watchlist:7"
        example = rule.example.replace("classdict", "fast.classdict").replace("chi2", "raErr")
        qualified = re.sub(r"\b(name|timestamp|z|tns_name)\b", lambda word: QUALIFIED[word.group()], example)
        assert parse_filter(f"{qualified} AS x", tables, "").selected[0].name == "x"


QUALIFIED = {"name": "watchlist_hits.name", "timestamp": "fast.timestamp", "z": "sherlock_classifications.z", "tns_name": "crossmatch_tns.tns_name"}
"""Columns of examples that are in several tables."""


@pytest.mark.parametrize("name", sorted(SPELLINGS))
def test_every_other_spelling_is_documented(name: str) -> None:
    spelling = SPELLINGS[name]
    if not spelling.means:
        assert f"`{name}()`" in reference.operations() or f"`{name}`" in reference.operations()
        return
    (line,) = lines_of(reference.operations(), f"`{name}`")
    assert reference.cell(spelling.means) in line
    example = re.sub(r"\b(name|band|x|n)\b", lambda word: EXAMPLES[word.group()], spelling.example.replace("classdict", "fast.classdict"))
    assert parse_filter(f"{example} AS y", "objects, alert, annotator:fast, watchlist:7", "").selected[0].name == "y"


EXAMPLES = {"name": "watchlist_hits.name", "band": "alert.band", "x": "objects.ra", "n": "nDiaSources"}
"""Columns of examples."""


def test_every_refused_function_is_documented() -> None:
    text = reference.refused_functions()
    assert all(f"`{name}`" in text for refusal in REFUSALS for name in refusal.names)


def test_every_table_of_filters_is_documented() -> None:
    text = reference.filter_tables()
    assert all(f"| `{name}{':' * (table.parameter is not None)}" in text for name, table in TABLES.items())


@pytest.mark.parametrize("name", FEATURES.names)
def test_every_feature_of_the_variability_set_is_documented(name: str) -> None:
    (line,) = lines_of(reference.variability(), f"`{name}`")
    assert FEATURES.field(name).metadata[b"description"].decode() in line


@pytest.mark.parametrize("field", list(SOURCE_COLUMNS), ids=lambda field: field.name)
def test_every_column_of_catalogues_is_documented(field: pa.Field) -> None:
    (line,) = lines_of(reference.source_columns(), f"`{field.name}`")
    assert field.metadata[b"description"].decode() in line


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_is_documented(name: str) -> None:
    profile = load_profile(name)
    (line,) = lines_of(reference.profiles(), f"`{name}`")
    assert all(reference.cell(said) in line for said in (profile.title, profile.citation, profile.reference))
    part = reference.profiles().split(f"### {name}\n")[1].split("\n### ")[0]
    for one in profile.inputs.values():
        assert any(f"`{one.names[0]}`" in found for found in lines_of(part, f"`{one.name}`"))


PARTS = [
    ("catalogues", "profiles"),
    ("catalogues", "source_columns"),
    ("configuration", "settings"),
    ("commands", "commands"),
    ("metrics", "metrics"),
    ("metrics", "deliver_metrics"),
    ("objects", "features"),
    ("variability", "variability"),
]


@pytest.mark.parametrize(("page", "part"), PARTS)
def test_pages_ask_for_their_parts(page: str, part: str) -> None:
    source = [(PAGES / f"{page}.md").read_text()]
    reference.fill(None, page, source)
    assert reference.MAKERS[part]() + "\n" in source[0]
    assert not reference.MARK.search(source[0])


def test_cells_hold_any_text() -> None:
    assert reference.table(("a", "b"), [("x|y", "two\nlines")]) == "| a | b |\n|---|---|\n| x\\|y | two lines |\n"
    assert reference.table(("a",), []) == ""


def test_every_rule_key_and_column_of_the_classifier_is_documented() -> None:
    rules, keys, columns = reference.classifier_rules(), reference.classifier_keys(), reference.classification_columns()
    for search in load_rules(None).search:
        (line,) = lines_of(rules, search.name)
        assert f"`{search.catalogue}`" in line
    for model, unsaid in ((Rules, {"search", "source", "merging", "ranking"}), (Merging, set()), (Ranking, set()), (Search, set())):
        for name, field in model.model_fields.items():
            assert any(field.description in line for line in lines_of(keys, f"`{name}`")) or name in unsaid
    for field in CLASSIFICATION_COLUMNS:
        (line,) = lines_of(columns, f"`{field.name}`")
        assert field.metadata[b"description"].decode() in line
