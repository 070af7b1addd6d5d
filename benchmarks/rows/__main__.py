"""Rows of past nights: what a node pays for keeping them, and how fast they are compacted and read: `python -m benchmarks.rows [--night-alerts N] [--json]`.

A batch is one visit of the simulator's corpus *mixed*, decoded and through all stages. The night is this batch again and again under
other ids, so that sorting has all of its work, and with each fractional number changed by a ten-thousandth at random: it would compress
too well otherwise.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.features.__main__ import simulated_batch
from benchmarks.rows.past_night import alone, compaction, reading
from splanc.config import load_settings
from splanc.features import warm as warm_features
from splanc.ingest.stages import stages
from splanc.packet import Batch, Partition, take
from splanc.past import widen, write_rows
from splanc.sky import warm as warm_sky

BATCH_ALERTS = 10_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--night-alerts", type=int, default=200_000)
    parser.add_argument("--batch-alerts", type=int, default=BATCH_ALERTS, help="alerts in a batch of the night")
    parser.add_argument("--narrow", action="store_true", help="a night of half as many columns, without the variability set, which takes less disk")
    parser.add_argument("--uncompacted", action="store_true", help="only read the night from its small files")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    options = parser.parse_args()
    batch = staged_batch()
    print(f"{len(batch):,} alerts, {widen(batch.alerts, batch.tables).num_columns} columns")
    found = {"write": writing(batch, options.rounds)}
    with tempfile.TemporaryDirectory() as name:
        found |= past_night(Path(name), narrowed(batch) if options.narrow else batch, options)
    for what, figures in found.items():
        print(what)
        for label, figure in figures.items():
            print(f"  {label:44} {figure:12,.2f}")
    if options.json:
        print(json.dumps(found))


def staged_batch() -> Batch:
    """Return a batch as it waits for the archive."""
    warm_features()
    warm_sky()
    batch = simulated_batch("mixed", BATCH_ALERTS)
    with tempfile.TemporaryDirectory() as name:
        for stage in stages(load_settings(Path(name))):
            batch = stage(batch)
    return batch


def writing(batch: Batch, rounds: int) -> dict[str, float]:
    """Return µs of CPU an alert by the size of the batch, and by codec, and bytes an alert."""
    figures = {}
    for n in (300, 600, 1_000, 2_000, BATCH_ALERTS):
        part = take(batch, np.arange(len(batch)) < n)
        with tempfile.TemporaryDirectory() as name:
            spans = ({Partition("made", 0): (first, first + n)} for first in count())
            keep = partial(write_next, Path(name), part, spans)
            figures[f"{n} alerts, µs an alert"] = 1e6 * median_cpu_seconds(keep, rounds) / n
    wide = widen(batch.alerts, batch.tables)
    figures["of that side by side, µs an alert"] = 1e6 * median_cpu_seconds(lambda: widen(batch.alerts, batch.tables), rounds) / len(batch)
    for codec in (None, "lz4", "zstd"):
        option = pa.ipc.IpcWriteOptions(compression=codec, use_threads=False)
        figures[f"{codec}, encoding alone, µs an alert"] = 1e6 * median_cpu_seconds(lambda option=option: encoded(wide, option), rounds) / len(batch)  # type: ignore[misc]
        figures[f"{codec}, bytes an alert"] = encoded(wide, option).size / len(batch)
    return figures


def write_next(folder: Path, batch: Batch, spans: Iterator[dict[Partition, tuple[int, int]]]) -> None:
    """Write a batch's rows as those of the next messages."""
    write_rows(folder, batch.alerts, batch.tables, next(spans))


def encoded(wide: pa.RecordBatch, options: pa.ipc.IpcWriteOptions) -> pa.Buffer:
    """Return the bytes of a file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, wide.schema, options=options) as writer:
        writer.write_batch(wide)
    return sink.getvalue()


def past_night(folder: Path, batch: Batch, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return what a night takes to read, to compact, and to read then."""
    batch = take(batch, np.arange(len(batch)) < options.batch_alerts)
    (night,) = {int(night) for night in batch.alerts["night"].to_pylist()}
    sources = batch.tables["diaSource"]
    triggers = sources.filter(np.diff(sources["alert"].to_numpy(), prepend=-1) > 0)
    batch = replace(batch, tables={**batch.tables, "diaSource": triggers})
    n_batches = max(1, options.night_alerts // len(batch))
    for number in range(n_batches):
        part = shifted(batch, number * len(batch))
        write_rows(folder, part.alerts, part.tables, {Partition("made", 0): (number * len(batch), (number + 1) * len(batch))})
    found = {f"{n_batches} files": alone(reading, folder, night)}
    if not options.uncompacted:
        found |= {"compaction": alone(compaction, folder, night), "one file": alone(reading, folder, night)}
    return found


def narrowed(batch: Batch) -> Batch:
    """Return a batch with what the filters here read, and half of the columns in all."""
    triggers = batch.tables["diaSource"].select(["alert", "diaSourceId", "midpointMjdTai", "psfFlux", "psfFluxErr", "snr"])
    variability = batch.tables["objects_variability"].select(["alert", "diaObjectId"])
    return replace(batch, tables={"diaSource": triggers, "diaObject": batch.tables["diaObject"], "objects_variability": variability})


def shifted(batch: Batch, by: int) -> Batch:
    """Return a batch under other ids, in a mixed order of objects, with other numbers in the last digits."""
    alerts, rng = batch.alerts, np.random.default_rng(by)
    for name, ids in (("diaSourceId", np.arange(len(batch)) + by), ("diaObjectId", (np.arange(len(batch)) + by) * 2_654_435_761 % (1 << 40))):
        place = alerts.schema.get_field_index(name)
        alerts = alerts.set_column(place, name, pa.array(ids, alerts.schema.field(name).type))
    return replace(batch, alerts=alerts, tables={name: changed(table, rng) for name, table in batch.tables.items() if name != "diaForcedSource"})


def changed(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Return a table with each fractional number changed by a ten-thousandth at random."""
    factors = pa.array(1 + 1e-4 * rng.random(table.num_rows))
    columns = {
        name: pc.multiply(column, factors).cast(column.type) if pa.types.is_floating(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(columns)


def median_cpu_seconds(function: Callable[[], object], rounds: int) -> float:
    """Return the processor time of a call, seconds."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
