"""CPU of users' filters on one batch: `python -m benchmarks.filters [--filters N] [--alerts N] [--mariadb] [--json]`.

The batch has all columns of objects, their variability, Sherlock's classes and a quarter as many hits of watchlists as alerts, a tenth of
the values NULL. Filters are made as users write them (60 % with Sherlock's classes, 25 % of objects alone, 15 % with a watchlist; 3 to 8
conditions, colours, lists, some OR, NOT and CASE) and select from 0.001 % to 30 % of the alerts, evenly in the logarithm. Their work
includes what they need of the batch as columns, and the JSON of every match.

With --mariadb the same filters run as SQL on a MariaDB that is loaded row by row, as Lasair's is (Debian's package mariadb-server); whoever
finds other objects than the other is an error. The client's CPU is included; its records are not made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from splanc.filters import Filter, FilterRunner, warm
from splanc.packet import Batch

from ..mariadb import running
from .made import FilterMaker, made_batch
from .mariadb import FilterDatabase


def cpu_seconds(function: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the CPU of a call with all its threads, and the time it takes, seconds: median of the rounds."""
    cpu, wall = [], []
    for _ in range(rounds):
        began, began_cpu = time.perf_counter(), time.process_time()
        function()
        cpu.append(time.process_time() - began_cpu)
        wall.append(time.perf_counter() - began)
    return statistics.median(cpu), statistics.median(wall)


def measured(filters: Sequence[Filter], batch: Batch, rounds: int) -> tuple[dict[str, float], dict[int, list[int]]]:
    """Return what filters cost, and the diaObjectIds that each found, in order."""
    began = time.process_time()
    runner = FilterRunner(filters)
    compiled = time.process_time() - began
    wrong = runner.failures()
    if wrong:
        sys.exit(f"filter {wrong[0].filter}: {wrong[0].reason}")
    matches = runner.run_filters(batch).tables["filter_matches"]
    cpu, wall = cpu_seconds(lambda: runner.run_filters(batch), rounds)
    ids = batch.alerts["diaObjectId"].to_numpy()[matches["alert"].to_numpy()]
    found: dict[int, list[int]] = {one.id: [] for one in filters}
    for number, one in zip(matches["filter"].to_pylist(), ids.tolist(), strict=True):
        found[number].append(one)
    figures = {"compile ms a filter": 1e3 * compiled / len(filters), "CPU s": cpu, "wall s": wall, "matches": matches.num_rows}
    return figures, {number: sorted(some) for number, some in found.items()}


def by_mariadb(filters: Sequence[Filter], batch: Batch) -> tuple[dict[str, float], dict[int, list[int]]]:
    """Return the same of MariaDB."""
    with running() as server:
        database = FilterDatabase(server)
        database.create(batch)
        began = server.cpu_seconds()
        database.load(batch)
        loaded = server.cpu_seconds()
        found = database.run(filters)
        ran = server.cpu_seconds()
    return {"load CPU s": loaded - began, "filters CPU s": ran - loaded, "CPU s": ran - began}, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filters", type=int, default=1_000)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mariadb", action="store_true", help="compare with MariaDB")
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    options = parser.parse_args()
    warm()
    batch = made_batch(options.alerts)
    filters = FilterMaker(batch).filters(options.filters)
    figures, found = measured(filters, batch, options.rounds)
    shares = sorted(len(some) / len(batch) for some in found.values())
    print(f"{len(filters):,} filters on {len(batch):,} alerts; they select from {shares[0]:.3%} to {shares[-1]:.1%}, in the mean {statistics.mean(shares):.2%}")
    for name, value in figures.items():
        print(f"  {name:24} {value:12,.3f}")
    if options.mariadb:
        theirs, found_too = by_mariadb(filters, batch)
        differing = [number for number in found if found[number] != found_too[number]]
        if differing:
            sys.exit(f"MariaDB finds other objects for {len(differing)} filters, the first of them {differing[0]}")
        figures |= {f"MariaDB: {name}": value for name, value in theirs.items()} | {"ratio": theirs["CPU s"] / figures["CPU s"]}
        print("  MariaDB finds the same objects")
        for name in ("MariaDB: load CPU s", "MariaDB: filters CPU s", "ratio"):
            print(f"  {name:24} {figures[name]:12,.3f}")
    if options.json:
        print(json.dumps({"filters": len(filters), "alerts": len(batch), **figures}))


if __name__ == "__main__":
    main()
