"""How fast light curves are read from PostgreSQL: one object, and a thousand in one call, with ten million sources stored.

Run `python -m benchmarks.lightcurves [--objects N] [--years Y] [--json]`. The sources are made here: each object has 40
diaSources and 60 diaForcedSources, spread evenly over so many years, and every object is seen in every epoch, in another order each
time, so that no two points of a light curve lie on one page. Half of a diaSource's columns are filled.
It starts a PostgreSQL of its own, with the settings of the embedded one, in a temporary folder (about 3 GB), and deletes it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import psycopg
import pyarrow as pa

from splanc.archive import PostgresLightcurves, migrate, start_postgres, stop_postgres
from splanc.archive._copy import copy_in
from splanc.archive._partitions import make_partitions, partition_starts
from splanc.packet import RECORDS

EPOCHS = {"diaSource": 40, "diaForcedSource": 60}
"""Points of an object, by their kind."""

FIRST_MJD = 61_000.0
FIRST_OBJECT = 170_000_000_000_000_000

SINGLES = 3_000
"""Calls for one object."""

GROUPS, GROUP_SIZE = 30, 1_000
"""Calls for many objects, and how many."""

ONE_P99_MS = 20.0
"""Longest that one object may take at the 99th percentile, ms."""

MANY_SECONDS = 1.0
"""Longest that a thousand objects may take at the 90th percentile, s."""

PAGE_SETTINGS = {"fsync": "off", "max_wal_size": "256MB"}
"""Of the benchmark's server, besides those of the embedded one: to load quickly, and without a lot of disk."""


def columns_of(record: str) -> pa.Schema:
    """Return the columns that are filled: all of a forced source, every other one of a diaSource besides those of light curves."""
    schema = RECORDS[record]
    wanted = {f"{record}Id", "diaObjectId", "midpointMjdTai", "band", "psfFlux", "psfFluxErr", "scienceFlux", "scienceFluxErr", "reliability"}
    return pa.schema([field for number, field in enumerate(schema) if field.name in wanted or record == "diaForcedSource" or number % 2])


def epoch(record: str, schema: pa.Schema, ids: npt.NDArray[np.int64], number: int, mjd: float) -> pa.RecordBatch:
    """Return one point of each object, in an order of its own."""
    generator = np.random.default_rng([number, len(record)])
    n = len(ids)
    fixed: dict[str, Any] = {
        f"{record}Id": ids * 100 + number,
        "diaObjectId": generator.permutation(ids),
        "midpointMjdTai": mjd + generator.random(n) * 0.3,
        "band": np.array(list("ugrizy"))[generator.integers(0, 6, n)],
    }
    return pa.record_batch([pa.array(fixed[f.name], f.type) if f.name in fixed else noise(f, n, generator) for f in schema], schema=schema)


def noise(field: pa.Field, n: int, generator: np.random.Generator) -> pa.Array:
    """Return n values of a column."""
    if field.type == pa.bool_():
        return pa.array(np.zeros(n, np.bool_))
    if pa.types.is_integer(field.type):
        return pa.array(generator.integers(0, 1000, n), field.type)
    return pa.array(generator.normal(0, 100, n), field.type)


def fill(dsn: str, ids: npt.NDArray[np.int64], years: float) -> None:
    """Store all sources, in the order in which they are observed."""
    days = 365.25 * years
    make_partitions(dsn, partition_starts(FIRST_MJD + np.arange(0.0, days + 1.0)))
    with psycopg.connect(dsn, autocommit=True) as connection:
        for record, epochs in EPOCHS.items():
            schema = columns_of(record)
            for number in range(epochs):
                copy_in(connection, f"{record.lower()}s", schema, [epoch(record, schema, ids, number, FIRST_MJD + days * number / epochs)])
        connection.execute("VACUUM ANALYZE diasources, diaforcedsources")


def seconds_of(store: PostgresLightcurves, ids: npt.NDArray[np.int64]) -> float:
    """Return the time that a call takes, s, having looked at what it returns."""
    start = time.perf_counter()
    table = store.get(ids.tolist())
    seconds = time.perf_counter() - start
    assert table.num_rows == len(ids) * sum(EPOCHS.values())
    return seconds


def cpu_seconds(dsn: str) -> float:
    """Return the CPU time that this process and the server's for it have used, s."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'splanc lightcurves'").fetchone()
    assert row is not None
    times = [psutil.Process(pid).cpu_times() for pid in (None, row[0])]
    return float(sum(one.user + one.system for one in times))


def measure(dsn: str, ids: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return the figures; the first calls, which find the server's caches cold, are told apart."""
    generator = np.random.default_rng(3)
    with PostgresLightcurves(dsn) as store:
        first = seconds_of(store, ids[:1])
        many_first = seconds_of(store, generator.choice(ids, GROUP_SIZE, replace=False))
        begin = cpu_seconds(dsn)
        many = [seconds_of(store, generator.choice(ids, GROUP_SIZE, replace=False)) for _ in range(GROUPS)]
        middle = cpu_seconds(dsn)
        single = [seconds_of(store, generator.choice(ids, 1)) for _ in range(SINGLES)]
        end = cpu_seconds(dsn)
    return {
        "one_first_ms": round(1000 * first, 1),
        "one_p50_ms": round(1000 * float(np.median(single)), 2),
        "one_p99_ms": round(1000 * float(np.quantile(single, 0.99)), 2),
        "one_cpu_ms": round(1000 * (end - middle) / SINGLES, 2),
        "many_first_s": round(many_first, 3),
        "many_median_s": round(float(np.median(many)), 3),
        "many_p90_s": round(float(np.quantile(many, 0.9)), 3),
        "many_cpu_s": round((middle - begin) / GROUPS, 3),
    }


def stored(dsn: str) -> dict[str, float]:
    """Return how much is stored: sources, partitions of both tables, gigabytes with indexes."""
    statement = """
        SELECT sum(reltuples)::bigint, count(*), sum(pg_total_relation_size(oid)) / 1e9 FROM pg_class
        WHERE relnamespace = 'splanc_partitions'::regnamespace AND relkind = 'r' AND reltuples > 0"""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return {"sources": int(row[0]), "partitions": int(row[1]), "gigabytes": round(float(row[2]), 2)}


def main() -> None:
    """Fill a database, read from it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000, help="with 100 points each")
    parser.add_argument("--years", type=float, default=3.0, help="over which they are spread: 12 partitions a year in both tables")
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    arguments = parser.parse_args()
    ids = FIRST_OBJECT + np.arange(max(GROUP_SIZE, arguments.objects), dtype=np.int64)
    with tempfile.TemporaryDirectory(prefix="splanc-benchmark-") as folder:
        try:
            dsn = start_postgres(Path(folder))
            with psycopg.connect(dsn, autocommit=True) as connection:
                for name, value in PAGE_SETTINGS.items():
                    connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
                connection.execute("SELECT pg_reload_conf()")
            migrate(dsn)
            begun = time.perf_counter()
            fill(dsn, ids, arguments.years)
            figures = {"load_s": round(time.perf_counter() - begun), **stored(dsn), **measure(dsn, ids)}
        finally:
            stop_postgres(Path(folder))
    for name, figure in figures.items():
        print(f"{name:<15} {figure:>12,}")
    reached = figures["one_p99_ms"] <= ONE_P99_MS and figures["many_p90_s"] <= MANY_SECONDS
    print(f"p99 of one object at most {ONE_P99_MS:g} ms, p90 of {GROUP_SIZE:,} objects at most {MANY_SECONDS:g} s: {'yes' if reached else 'no'}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
