"""What histories cost the archive: CPU of client and server for an alert, at first sight, known, and with a window that slid on.

Run `python -m benchmarks.history [--alerts N] [--json]`. The packets are made here: N objects with one alert each in every round,
all columns filled (of the variability set, without a history, one in ten); a history of so many diaSources and diaForcedSources,
0.3 days apart; each round one new source of either kind. It starts a PostgreSQL of its own, with the settings of the embedded one, in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import psycopg
import pyarrow as pa

from splanc.archive import INDEX, Archive, ArchiveLoad, migrate, start_postgres, stop_postgres, warm
from splanc.features import VARIABILITY, VARIABILITY_COLUMNS
from splanc.packet import ALERT_COLUMNS, RECORDS

DEPTHS = ((0, 0), (28, 54), (50, 70), (300, 0), (391, 777), (800, 400))
"""diaSources and diaForcedSources in the history at first sight."""

KNOWN_ROUNDS = 4
"""Rounds with a known history; the last three count."""

SLID = 10
"""Oldest sources that leave the window in the last round."""

VISIT_MJD = 61_100.0
STEP_DAYS = 0.3


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU and wall time of one case, µs an alert; sources sent and keys asked for, an alert."""

    diaSources: int
    diaForcedSources: int
    case: str
    alerts: int
    client_us: float
    server_us: float
    wall_us: float
    sent: float
    asked: float


def column(field: pa.Field, n: int, generator: np.random.Generator) -> pa.Array:
    """Return a column of n values; a fifth of the numbers are NULL, as in real packets."""
    if field.type == pa.string():
        return pa.array(["r"] * n)
    if field.type == pa.bool_():
        return pa.array(np.zeros(n, np.bool_))
    if pa.types.is_integer(field.type):
        return pa.array(generator.integers(0, 1000, n), field.type)
    return pa.array(generator.normal(0, 100, n), field.type, mask=generator.random(n) < 0.2)


def record(name: str, alert: npt.NDArray[np.int32], fixed: dict[str, npt.NDArray[Any]]) -> pa.Table:
    """Return a table of a batch with all columns filled, some of them as given."""
    generator = np.random.default_rng(1)
    n = len(alert)
    columns = [pa.array(fixed[f.name], f.type) if f.name in fixed else column(f, n, generator) for f in RECORDS[name]]
    return pa.table([pa.array(alert), *columns], ["alert", *RECORDS[name].names])


def variability(alert: npt.NDArray[np.int32], objects: npt.NDArray[np.int64], *, every: int) -> pa.Table:
    """Return the variability set of a batch with one in so many columns filled, the others NULL."""
    generator = np.random.default_rng(2)
    n = len(alert)
    columns = [pa.nulls(n, f.type) if i % every else pa.array(generator.normal(0, 100, n), f.type) for i, f in enumerate(VARIABILITY_COLUMNS)]
    return pa.table([pa.array(alert), pa.array(objects), *columns], ["alert", "diaObjectId", *VARIABILITY_COLUMNS.names])


def history(objects: npt.NDArray[np.int64], depth: int, round_number: int, slid: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return ids (shape (n_object, n_source)) and times (n_source,) of a packet's history, oldest first."""
    numbers = np.arange(slid, depth + round_number)
    times = np.where(numbers < depth, VISIT_MJD - 1 - STEP_DAYS * (depth - 1 - numbers), VISIT_MJD + 0.01 * (numbers - depth))
    return objects[:, None] * 10_000 + numbers, times


def load(objects: npt.NDArray[np.int64], depth: tuple[int, int], round_number: int, slid: int = 0) -> ArchiveLoad:
    """Return one alert for each object."""
    n = len(objects)
    mjd = VISIT_MJD + 0.01 * round_number
    rows = np.arange(n, dtype=np.int32)
    tables = {"diaObject": record("diaObject", rows, {"diaObjectId": objects, "ra": np.full(n, 10.0), "decl": np.full(n, -10.0)})}
    tables[VARIABILITY] = variability(rows, objects, every=1 if max(depth) else 10)
    triggers = objects * 10_000 + depth[0] + round_number
    for name, key, past, with_trigger in (("diaSource", "diaSourceId", depth[0], True), ("diaForcedSource", "diaForcedSourceId", depth[1], False)):
        ids, times = history(objects, past, round_number, min(slid, past))
        if with_trigger:
            ids, times = np.hstack([triggers[:, None], ids]), np.append(mjd, times)
        each = ids.shape[1]
        fixed = {key: ids.ravel(), "diaObjectId": np.repeat(objects, each), "midpointMjdTai": np.tile(times, n)}
        tables[name] = record(name, np.repeat(rows, each), fixed)
    known: dict[str, Any] = {
        "topic": ["alerts"] * n,
        "partition": np.zeros(n),
        "offset": np.arange(n) + n * round_number,
        "timestamp": np.full(n, 1_790_000_000_000),
        "diaSourceId": triggers,
        "diaObjectId": objects,
        "midpointMjdTai": np.full(n, mjd),
        "visit": np.full(n, 2026010100000 + round_number),
        "night": np.full(n, 20260101),
    }
    alerts = pa.table({f.name: pa.array(known[f.name]).cast(f.type) if f.name in known else pa.nulls(n, f.type) for f in ALERT_COLUMNS})
    index = pa.table({f.name: pa.array(["20260101/node.pack"] * n) if f.name == "pack" else pa.array(np.arange(n), f.type) for f in INDEX})
    return ArchiveLoad(alerts=alerts, tables=tables, spans={}, node="benchmark", index=index)


def costs(dsn: str, first_object: int, depth: tuple[int, int], n: int) -> Iterator[Cost]:
    """Yield the costs of one depth: first sight, known (median), slid."""
    objects = np.arange(first_object, first_object + n)
    with Archive(dsn) as archive:
        first = measured(archive, dsn, load(objects, depth, 0), depth, "first sight")
        known = [measured(archive, dsn, load(objects, depth, number), depth, "known") for number in range(1, 1 + KNOWN_ROUNDS)]
        slid = measured(archive, dsn, load(objects, depth, 1 + KNOWN_ROUNDS, SLID), depth, f"{SLID} slid out")
    yield first
    yield sorted(known[1:], key=lambda cost: cost.client_us + cost.server_us)[1]
    if max(depth) > SLID:
        yield slid


def backend(dsn: str) -> psutil.Process | None:
    """Return the server process that loads."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'splanc load' AND datname = current_database()").fetchone()
    return None if found is None else psutil.Process(found[0])


def server_seconds(process: psutil.Process | None) -> float:
    """Return the CPU seconds that a process has used."""
    return 0.0 if process is None else process.cpu_times().user + process.cpu_times().system


def measured(archive: Archive, dsn: str, batch: ArchiveLoad, depth: tuple[int, int], case: str) -> Cost:
    """Load a batch and return what it cost."""
    before = server_seconds(backend(dsn))
    wall, client = time.perf_counter(), time.process_time()
    loaded = archive.load(batch)
    client, wall = time.process_time() - client, time.perf_counter() - wall
    server = server_seconds(backend(dsn)) - before
    n = loaded.archived
    us = 1e6 / n
    return Cost(
        diaSources=depth[0],
        diaForcedSources=depth[1],
        case=case,
        alerts=n,
        client_us=round(client * us, 1),
        server_us=round(server * us, 1),
        wall_us=round(wall * us, 1),
        sent=loaded.sources_sent / n,
        asked=loaded.sources_asked / n,
    )


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=2_500, help="alerts a batch, or fewer: it has no more than a million sources")
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    arguments = parser.parse_args()
    warm()
    found: list[Cost] = []
    print(f"{'history':>12} {'case':<12} {'alerts':>6} {'client µs':>10} {'server µs':>10} {'wall µs':>9} {'sent':>7} {'asked':>7}")
    with tempfile.TemporaryDirectory(prefix="splanc-benchmark-") as folder:
        try:
            dsn = start_postgres(Path(folder))
            migrate(dsn)
            # The first load of a process imports and compiles.
            list(costs(dsn, 9_000_000, (1, 1), 10))
            for number, depth in enumerate(DEPTHS):
                n = min(arguments.alerts, 1_000_000 // (1 + sum(depth)))
                for cost in costs(dsn, 1 + 100_000 * number, depth, n):
                    print(
                        f"{cost.diaSources:>5} +{cost.diaForcedSources:>5} {cost.case:<12} {cost.alerts:>6} {cost.client_us:>10} {cost.server_us:>10} "
                        f"{cost.wall_us:>9} {cost.sent:>7.1f} {cost.asked:>7.1f}"
                    )
                    found.append(cost)
        finally:
            stop_postgres(Path(folder))
    if arguments.json:
        print(json.dumps([vars(cost) for cost in found]))


if __name__ == "__main__":
    main()
