"""Ours and Sherlock's in one run: the same positions, catalogues and searches; what either costs, and which is right where they differ."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from splanc.crossmatch.catalogues import Shelf
from splanc.crossmatch.classifier import Classifier, load_rules, warm

from . import by_sherlock, planted

RULES = Path(__file__).with_name("seven.toml")

SHERLOCKS_BATCH = 390
"""Objects that Lasair asks Sherlock about at a time."""

ROUNDS = 9


def compared(folder: Path, n: int, environment: Path) -> dict[str, dict[str, float]]:
    """Print the comparison, and return the figures.

    Parameters
    ----------
    folder : for the catalogues.
    n : positions.
    environment : of Sherlock.
    """
    catalogues = planted.real_shelf(folder)
    positions = planted.planted(catalogues, n)
    batches = (n, SHERLOCKS_BATCH)
    ours, cost = _ours(folder, positions, batches)
    theirs = by_sherlock.asked(catalogues, positions, batches, environment.absolute())
    print(f"{n:,} positions; rows: {', '.join(f'{name} {rows.height:,}' for name, rows in catalogues.items())}")
    found = {}
    for batch in batches:
        us = 1e6 * theirs[batch]["cpu"] / n
        found[f"batches of {batch}"] = {"ours: CPU µs": cost[batch], "Sherlock: CPU µs": us, "ratio": us / cost[batch]}
        print(f"batches of {batch:,}: ours {cost[batch]:.1f} µs of CPU an object, Sherlock {us:,.0f} µs, ratio {us / cost[batch]:.0f}")
    _show(positions.with_columns(ours=pl.Series(ours), sherlock=pl.Series(theirs[n]["classes"])))
    return found


def _ours(folder: Path, positions: pl.DataFrame, batches: Sequence[int]) -> tuple[list[str], dict[int, float]]:
    """Return our classes, and what a position costs in batches of each size, µs of CPU of all threads, median of the rounds."""
    warm()
    classifier = Classifier(load_rules(RULES), Shelf(folder).open_all(), memory_bytes=2 << 30)
    ra, dec = positions["ra"].to_numpy(), positions["dec"].to_numpy()
    classes: list[str] = classifier.classify(ra, dec).classifications["classification"].to_pylist()
    return classes, {batch: float(np.median([_cost(classifier, ra, dec, batch) for _ in range(ROUNDS)])) for batch in batches}


def _cost(classifier: Classifier, ra: Any, dec: Any, batch: int) -> float:
    began = time.process_time()
    for begin in range(0, len(ra), batch):
        classifier.classify(ra[begin : begin + batch], dec[begin : begin + batch])
    return 1e6 * (time.process_time() - began) / len(ra)


def _show(classes: pl.DataFrame) -> None:
    """Print how often either is right, and each way in which they differ."""
    for who in ("ours", "sherlock"):
        right = classes.group_by("what", maintain_order=True).agg(right=(pl.col(who) == pl.col("truth")).sum(), n=pl.len())
        print(f"{who} right: " + ", ".join(f"{what} {n_right} of {n}" for what, n_right, n in right.rows()))
    print(f"{'what it is':32} {'truth':8} {'ours':8} {'Sherlock':8} {'objects':>8}")
    differ = classes.filter(pl.col("ours") != pl.col("sherlock")).group_by("what", "truth", "ours", "sherlock").len()
    for what, truth, ours, theirs, n in differ.sort("what", "len", "ours", descending=[False, True, False]).rows():
        print(f"{what:32} {truth:8} {ours:8} {theirs:8} {n:8}")
