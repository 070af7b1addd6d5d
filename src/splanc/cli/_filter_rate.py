"""Asking back when a filter would pass more of the stream than anybody reads."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import filters, past
from ..config import Settings
from ..errors import UserError
from ..filters.definition import Definition, Run
from ._context import say

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask back, though it would pass more than 5 % of all alerts.")]


def confirm_rate(settings: Settings, definition: Definition, *, yes: bool) -> None:
    """Go on if a filter passes few alerts of the newest past night, or its owner wants it so; without past nights nothing is known, and nothing asked.

    Parameters
    ----------
    yes : the owner has said so.

    Raises
    ------
    UserError
        If the owner does not want it, or cannot be asked.
    """
    if definition.run is Run.muted:
        return
    tree = filters.parse_filter(definition.selected, definition.tables, definition.conditions)
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
