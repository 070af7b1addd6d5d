"""An explanation in the terminal: the conditions of a filter as a tree."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from .. import past
from ._context import print_whole

_MARKS = {True: ("true", "green"), False: ("false", "red"), None: ("NULL", "yellow")}


def draw(explanation: past.Explanation, console: Console | None = None) -> None:
    """Print an explanation."""
    alert = explanation.alert
    said = ", ".join(f"{name} {value}" for name, value in alert.items() if value is not None)
    root = Tree(_line(f"{'passes' if explanation.matched else 'does not pass'}: {said}", explanation.matched))
    for table, found in explanation.tables.items():
        if not found:
            root.add(_line(f"in {table}", is_true=False))
    for condition in explanation.conditions:
        _add(root, condition)
    if explanation.rows > 1:
        root.add(Text(f"the alert has {explanation.rows} combinations of rows in these tables; this is the one in which most is true", style="dim"))
    print_whole(root, console)


def _add(tree: Tree, verdict: past.Verdict) -> None:
    line = _line(verdict.operation.upper() if verdict.operation else verdict.text, verdict.is_true)
    values = ", ".join(f"{name} = {_value(value)}" for name, value in verdict.values.items())
    if values:
        line.append(f"   {values}", style="cyan")
    if verdict.distance is not None:
        share = "" if verdict.distance.relative is None else f" ({100 * verdict.distance.relative:.3g} %)"
        line.append(f"   missed by {verdict.distance.absolute:.4g}{share}", style="bold")
    branch = tree.add(line)
    for one in verdict.below:
        _add(branch, one)


def _line(text: str, is_true: bool | None) -> Text:
    word, style = _MARKS[is_true]
    return Text.assemble((f"{word:5} ", style), text)


def _value(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"{value:.9g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)
