"""`splanc classify backfill`: the past, classified again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

import typer

from .. import archive, crossmatch, head
from ..errors import UserError
from ..logs import configure_logs
from ._classify import classify_app
from ._context import Config, DataDir, command, say, settings_of

_TELL_SECONDS = 5.0
"""Between two lines that say how far it is."""


def register(_app: typer.Typer) -> None:
    """Add the command."""
    classify_app.command("backfill")(backfill)


@command
def backfill(
    everything: Annotated[bool, typer.Option("--all", help="Every object, whatever its class follows from.")] = False,
    unclassified: Annotated[bool, typer.Option("--unclassified", help="Only objects without a class.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Classify objects of the archive again whose class is of other rules, catalogues or software, or which have none; safe to stop and to repeat.

    Exit with 1 if some cannot be classified.
    """
    configure_logs(quiet=True)
    if everything and unclassified:
        raise UserError("--all and --unclassified contradict each other; give one of them, or neither")
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    classifier = crossmatch.open_classifier(settings)
    if classifier is None:
        raise UserError(
            f"no catalogues in {settings.catalogues_folder}, and no servers in crossmatch.servers; install some with `splanc catalogue install demo`"
        )
    which = archive.Which.everything if everything else archive.Which.unclassified if unclassified else archive.Which.stale
    try:
        last = _follow(head.classify_again(settings, classifier, which))
    finally:
        classifier.close()
    if not last.total:
        print("nothing to do: what objects are follows from the rules, catalogues and software of now")
        return
    print(f"objects classified again: {last.done - last.unclassified:,}; with another class now: {last.changed:,}")
    if last.unclassified:
        say(f"objects that cannot be classified now, and stay as they were: {last.unclassified:,}; `splanc classify RA DEC` says why. Call this again later")
        raise typer.Exit(1)


def _follow(steps: Iterator[head.Reclassified]) -> head.Reclassified:
    """Say every few seconds how far it is, and return the last step."""
    began = told = time.monotonic()
    last = next(steps)
    if last.total:
        say(f"objects to do: {last.total:,}")
    for last in steps:
        now = time.monotonic()
        if now - told >= _TELL_SECONDS:
            told = now
            say(f"{last.done:,} of {last.total:,}, {last.done / (now - began):,.0f} a second; with another class now: {last.changed:,}")
    return last
