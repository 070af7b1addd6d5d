"""What classifying costs: `python -m benchmarks.classify [--rows N …] [--folder DIR] [--alerts N] [--rounds N] [--servers N] [--json]`.

Five catalogues of realistic densities are made on disk (see `sky.py`), with 5 and with 50 million rows unless told otherwise, to see how cost
grows. Alerts lie in fields of nine square degrees: half of them variable stars, a third in or around galaxies, the others anywhere.
With --folder the catalogues stay there, and are not made again; without, they lie in a temporary folder, 1.8 GB.

With --sherlock it is Sherlock 3.1.0 on MariaDB instead (Debian's package mariadb-server) that is compared with ours: positions of known truth
near real stars, galaxies and AGN, the same catalogues and searches. Sherlock is a program of its own, in an environment that is made for it.

With --giants it is the first question about a catalogue with sizes, of so many rows (5 million at first) and thousands of tiles.

With --quality it is how often the class is right, by what objects are and how dense the stars are, in the made sky.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import against, cluster, figures, giants, quality
from .sky import CATALOGUES, ROWS_DEG2, Sky

BOUNDS = (256 << 20, 1 << 30)
"""Bounds of the tiles in memory that are tried."""


def sky_of(rows: int) -> Sky:
    """Return a sky of about so many rows."""
    return Sky(n_block=max(round(rows / ROWS_DEG2), 1))


def made(data_dir: Path, rows: int) -> Sky:
    """Return a sky of so many rows, with its catalogues on the shelf of a data directory."""
    sky, shelf = sky_of(rows), data_dir / "catalogues"
    if not all((shelf / name).exists() for name in CATALOGUES):
        began = time.perf_counter()
        sky.write(shelf)
        size = sum(path.stat().st_size for path in shelf.rglob("*") if path.is_file())
        print(f"{sky.n_block * ROWS_DEG2:,} rows written in {time.perf_counter() - began:.0f} s, {size / 1e9:.2f} GB")
    return sky


def show(name: str, found: Mapping[str, float]) -> None:
    """Print figures under a name."""
    print(name)
    for what, value in found.items():
        print(f"  {what:36} {value:14,.2f}", flush=True)


def measured(data_dir: Path, sky: Sky, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return all figures of one size, printing them as they come."""
    shelf, n = data_dir / "catalogues", options.alerts
    figures.forget(shelf)
    found: dict[str, dict[str, float]] = {}

    def keep(name: str, figure: dict[str, float]) -> None:
        found[name] = figure
        show(name, figure)

    keep("cold", figures.fresh(figures.cold, shelf, sky, n))
    keep("warm", figures.fresh(figures.warmed, shelf, sky, n, options.rounds))
    keep("answers kept", figures.fresh(figures.repeated, shelf, sky, n, options.rounds))
    for bound in BOUNDS:
        keep(f"memory, {bound >> 20} MB", figures.fresh(figures.memory, shelf, sky, n, bound))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000_000, 50_000_000], help="rows of all catalogues together; several: one after another")
    parser.add_argument("--folder", type=Path, help="where the catalogues stay; a temporary folder unless given")
    parser.add_argument("--alerts", type=int, default=10_000, help="alerts in a batch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--servers", type=int, nargs="*", default=[1, 3], help="numbers of servers to try, with the last of the sizes")
    parser.add_argument("--sherlock", action="store_true", help="compare with Sherlock, and nothing else")
    parser.add_argument("--giants", action="store_true", help="measure the first question about a catalogue with sizes, and nothing else")
    parser.add_argument("--quality", action="store_true", help="say how often the class is right, and nothing else")
    parser.add_argument("--environment", type=Path, default=Path("build/sherlock"), help="of Sherlock; it is made unless it is there")
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="splanc-benchmark-") as temporary:
        found = _asked(options.folder or Path(temporary), options)
    if options.json:
        print(json.dumps(found))


def _asked(folder: Path, options: argparse.Namespace) -> Any:
    """Return what is asked for."""
    if options.sherlock:
        return against.compared(folder, options.alerts, options.environment)
    if options.giants:
        found = giants.compared(folder, options.rows[0], options.alerts)
        for name, figure in found.items():
            show(name, figure)
        return found
    if options.quality:
        return quality.shares(options.alerts)
    return _sizes(folder, options)


def _sizes(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return the figures of each number of rows, and of servers."""
    found: dict[str, dict[str, float]] = {}
    for rows in options.rows:
        sky = made(folder / str(rows), rows)
        print(f"== {sky.n_block * ROWS_DEG2:,} rows, {sky.n_block} square degrees")
        found |= {f"{rows}: {name}": figure for name, figure in measured(folder / str(rows), sky, options).items()}
    for n_server in options.servers:
        name, rows = f"{n_server} server{'s' * (n_server > 1)}", options.rows[-1]
        found[name] = cluster.served(folder / str(rows), sky_of(rows), options.alerts, options.rounds, n_server)
        show(name, found[name])
    return found


if __name__ == "__main__":
    main()
