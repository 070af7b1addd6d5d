"""What the documentation tells people to type and to click on exists, and examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer.main

import splanc
from docs._ext import reference
from splanc.cli import app
from splanc.config import load_settings

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "changelog.d" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = [name for _, name, _ in pkgutil.walk_packages(splanc.__path__, "splanc.") if not name.endswith("__main__") and ".migrations" not in name]
COMMANDS = {words[1:]: command for words, command in reference.leaves(typer.main.get_command(app), ("splanc",))}

TYPED = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")


def typed(text: str) -> list[str]:
    """The lines that a text shows as things to type."""
    return [line.split(" # ")[0].strip() for block in BLOCK.findall(text) for line in block.splitlines()] + TYPED.findall(BLOCK.sub("", text))


def targets() -> dict[str, list[str]]:
    """The Makefile's targets with their recipes."""
    rules = re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {name: recipe.splitlines() for name, recipe in rules}


def unknown(line: str) -> list[str]:
    """What is wrong with a line that begins with `splanc`."""
    words = line.split()[1:]
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    if not words or words[0].startswith("-") or not words[0].islower():
        return []
    starts = [(words[0], choice) for choice in words[1].split("|")] if len(words) > 1 else []
    if (words[0], "at") in COMMANDS and len(words) > 1 and not words[1][0].islower():
        starts = [(words[0], "at")]  # a position, or an option: the word may be left out
    commands = [COMMANDS[start] for start in ([(words[0],)] if (words[0],) in COMMANDS else starts) if start in COMMANDS]
    if not commands:
        return [] if words[1:] == [] and any(words[0] == known[0] for known in COMMANDS) else [line]
    there = {name for command in commands for parameter in command.params for name in parameter.opts} | {"--help"}
    return [f"{line}: {option}" for option in options if option not in there]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist(path: Path) -> None:
    lines = typed(path.read_text())
    assert [wrong for line in lines if line.startswith("splanc ") for wrong in unknown(line)] == []
    made = [line.split() for line in lines if line.startswith("make ")]
    assert {word for words in made for word in words[1:] if re.fullmatch(r"[a-z-]+", word)} <= set(targets())
    given = [line.split('ARGS="')[1].rstrip('"') for line in lines if line.startswith("make run ARGS=")]
    assert [wrong for arguments in given for wrong in unknown(f"splanc demo {arguments}")] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert [link for link in LINK.findall(path.read_text()) if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_configurations_are_valid(path: Path, tmp_path: Path) -> None:
    for number, example in enumerate(TOML.findall(path.read_text())):
        tomllib.loads(example)
        (tmp_path / f"{number}.toml").write_text(example)
        load_settings(tmp_path, tmp_path / f"{number}.toml")


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_make_alone_prints_the_targets() -> None:
    printed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert [line.split()[1] for line in printed.splitlines()] == list(targets())
    assert {"run", "test", "setup", "fmt", "lint", "type", "docs", "bench", "lock", "fuzz"} < set(targets())


def test_targets_are_short() -> None:
    assert {name: len(recipe) for name, recipe in targets().items() if len(recipe) > 3} == {}


def test_the_readme_opens_as_promised() -> None:
    what, commands = re.match(r"# splanc\n\n(.*?)\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).groups()
    assert what.count("\n") == 4
    assert [line.split("#")[0].strip() for line in commands.splitlines()] == ["make run", "make test"]
