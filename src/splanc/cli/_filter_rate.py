"""Asking back when a filter would pass more of the stream than anybody reads."""

from __future__ import annotations

import sys

import typer

from .. import past
from ..config import Settings
from ..errors import UserError
from ..filters.tree import Tree
from ._context import say


def confirm_rate(settings: Settings, tree: Tree, *, yes: bool) -> None:
    """Go on if a filter passes few alerts of the newest past night, or its owner wants it so; without past nights nothing is known, and nothing asked.

    Parameters
    ----------
    yes : the owner has said so.

    Raises
    ------
    UserError
        If the owner does not want it, or cannot be asked.
    """
    share = past.rate(settings.rows_folder, tree, on_damage=lambda damage: say(str(damage)))
    if share is None or share <= past.ASK_ABOVE:
        return
    figure = f"on the newest past night it would have passed {100 * share:.1f} % of all alerts"
    if yes:
        say(figure)
    elif not sys.stdin.isatty():
        raise UserError(f"{figure}; narrow it, or say --yes")
    elif not typer.confirm(f"{figure}. Is that meant?"):
        raise UserError("nothing was changed")
