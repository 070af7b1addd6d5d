"""The rules of the house that no linter knows: sizes, names, public surfaces, and what may not stand in any file."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FUNCTION_LINES = 60
MODULE_LINES = 600
POSITIONAL_PARAMETERS = 5
NESTING = 3

NAMELESS = {"base", "common", "helpers", "manager", "utils"}
"""Module names that say nothing: what is in such a module has no name yet."""

LINE_MARKS = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b")
"""Work left undone belongs into an issue."""

MACHINE_PATHS = re.compile(r"(?<![\w./*-])/(work|root|home)/\w")
"""Paths of one person's machine."""

HOSTS = {"127.0.0.1", "example.org", "host", "localhost", "www.apache.org"}
"""Hosts that a file may name in an address: examples, this machine, and the licence. Never one that packages come from."""

ADDRESS = re.compile(r"https?://([a-zA-Z][\w.-]*|[\d.]+)")

BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.Match)
"""What a level of nesting is; `with` opens something and decides nothing."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tracked() -> list[Path]:
    """The repository's files, those not yet committed too."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Name and content of each text file."""
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            yield str(path.relative_to(ROOT)), content.decode()


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Name and tree of each Python file below the folders."""
    return ((name, tree) for name, tree in trees().items() if name.startswith(folders))


@cache
def trees() -> dict[str, ast.Module]:
    """Trees of all Python files by name."""
    return {name: ast.parse(text) for name, text in texts() if name.endswith(".py")}


def functions(*folders: str) -> Iterator[tuple[str, Function]]:
    """Place and tree of each function, nested ones too."""
    for name, tree in modules(*folders):
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{name}:{node.lineno} {node.name}", node


def length(function: Function) -> int:
    """Lines of a function less its docstring."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if is_docstring else 0)


def depth(node: ast.AST) -> int:
    """Levels of nesting below a node; `elif` is no level, nor is a function inside a function."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        deepest = max(deepest, depth(child) + (isinstance(child, BRANCHES) and not is_elif))
    return deepest


def positional(function: Function) -> int:
    """Positional parameters, less `self` and `cls`."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def decorators(node: Function | ast.ClassDef) -> set[str]:
    """The last words of a definition's decorators: `njit` for `@numba.njit(cache=True)`."""
    return {ast.unparse(decorator).split("(")[0].rsplit(".", 1)[-1] for decorator in node.decorator_list}


def public(tree: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """The public functions and classes of a module, and the methods of those classes."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def exported(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names in a package's `__all__`, and the public names that it defines or imports from its own modules."""
    stated: set[str] = set()
    found = {node.name for node in public(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            stated = set(ast.literal_eval(node.value))
    return stated, {name for name in found if not name.startswith("_")}


def test_functions_are_short() -> None:
    assert [place for place, function in functions("src", "tests", "benchmarks", "docs") if length(function) > FUNCTION_LINES] == []


def test_functions_are_flat() -> None:
    assert [place for place, function in functions("src", "benchmarks", "docs") if depth(function) > NESTING] == []


def test_functions_take_few_positional_parameters() -> None:
    """Exempt are numba's functions, which know positions only, and commands, which typer calls by name only."""
    crowded = [(place, function) for place, function in functions("src", "benchmarks", "docs") if positional(function) > POSITIONAL_PARAMETERS]
    assert [place for place, function in crowded if not decorators(function) & {"njit", "command"}] == []


def test_modules_are_short() -> None:
    assert [name for name, text in texts() if name.endswith(".py") and text.count("\n") > MODULE_LINES] == []


def test_modules_have_names() -> None:
    names = {path.relative_to(ROOT): path.stem.strip("_") for path in tracked() if path.suffix == ".py"}
    assert [str(path) for path, stem in names.items() if stem in NAMELESS or path.parent.name in NAMELESS] == []


def test_packages_state_what_they_export() -> None:
    """Ruff keeps `__all__` sorted; here it is held against what is there."""
    packages = {name: exported(tree) for name, tree in modules("src") if name.endswith("__init__.py")}
    assert {name: stated ^ found for name, (stated, found) in packages.items() if stated != found} == {}


def test_packages_and_public_names_are_documented() -> None:
    bare = [name for name, tree in modules("src", "benchmarks", "tests/support") if not ast.get_docstring(tree)]
    for name, tree in modules("src"):
        bare += [f"{name}:{node.lineno} {node.name}" for node in public(tree) if not ast.get_docstring(node) and "override" not in decorators(node)]
    assert bare == []


@pytest.mark.parametrize("forbidden", [LINE_MARKS, MACHINE_PATHS], ids=["undone", "machine"])
def test_no_file_holds(forbidden: re.Pattern[str]) -> None:
    found = {name: [match.group() for match in forbidden.finditer(text)] for name, text in texts()}
    assert {name: matches for name, matches in found.items() if matches} == {}


def test_no_file_names_another_host() -> None:
    found = {name: set(ADDRESS.findall(text)) - HOSTS for name, text in texts()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_the_measures_measure() -> None:
    source = """
def f(self, a, b, /, c, d, e, f, *, g):
    '''Two
    lines.'''
    if a:
        pass
    elif b:
        for x in c:
            with d:
                def inner():
                    if e:
                        return
    return x
"""
    tree = ast.parse(source)
    function = next(public(tree))
    assert (length(function), depth(function), positional(function)) == (10, 2, 6)
    names = ast.parse("from ..l import m\nif T:\n    from ._a import B, _c\nfrom .d import e\n__all__ = ['B', 'z']\ndef f(): ...")
    assert exported(names) == ({"B", "z"}, {"B", "e", "f"})
    assert decorators(ast.parse("@numba.njit(cache=True)\ndef f(): ...").body[0]) == {"njit"}
    assert [bool(MACHINE_PATHS.search(text)) for text in ("see /ro" + "ot/x", "a/home/b")] == [True, False]
    assert ADDRESS.findall("http://example.org:80/c https://127.0.0.1/ http://{host}/") == ["example.org", "127.0.0.1"]
