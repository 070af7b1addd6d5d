"""What matches cost the publish side: processor time a record, from the table of matches to what is handed to Kafka's client.

Run `python -m benchmarks.streams [--alerts N] [--filters N] [--avro] [--json]`. The alerts are the simulator's, decoded; matches are drawn at
random; quotas are on, claimed on a log in memory. It needs no server; with --avro schemas count as registered.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc.config import FilterSettings, SchemaSettings
from splanc.features import Features
from splanc.filters import MATCHES_TABLE, Definition, Filter, Output
from splanc.packet import Batch, Decoder, Messages, SchemaStore
from splanc.simulator import Simulation
from splanc.streams import FilterSchemas, FilterStreams, FilterTopics, Quotas

RECORD = '{"diaObjectId":170028531222839297,"ra":53.123456789,"decl":-27.98765432,"latest_psfFlux":1234.567,"absMag":null}'
"""What a filter selects."""

SELECTED = "objects.diaObjectId, ra, decl, latest_psfFlux, absMag"

SHARES = (0.00001, 0.001, 0.01)
"""Matches of each filter as shares of the alerts."""

ROUNDS = 5


class OwnLog:
    """A log of one node."""

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._next = 0

    def append(self, value: bytes) -> int:
        """Append a record and return its offset."""
        self._records.append(value)
        return len(self._records) - 1

    def read_to(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Yield the records not read yet."""
        while self._next <= offset:
            self._next += 1
            yield self._next - 1, self._records[self._next - 1]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Processor time of a batch."""

    output: str
    filters: int
    share: float
    records: int
    kilobytes: float
    us_per_record: float
    us_per_alert: float


def batch_of(alerts: int) -> Batch:
    """Return a batch of simulated alerts with their features."""
    (visit,) = Simulation(visits=1, alerts_per_visit=alerts).observe()
    values = list(visit.messages())
    places = np.arange(len(values), dtype=np.int64)
    now = np.full(len(values), time.time_ns() // 1_000_000)
    messages = Messages(values=values, topics=["alerts"] * len(values), partitions=np.zeros(len(values), np.int32), offsets=places, timestamps_ms=now)
    with tempfile.TemporaryDirectory() as folder:
        batch = Decoder(SchemaStore(SchemaSettings(), Path(folder)), 1 << 25).decode(messages)
    return Features().compute_features(batch).released()


def with_matches(batch: Batch, filters: int, share: float) -> Batch:
    """Return the batch with random matches, at least one in all."""
    chosen = np.random.default_rng(1).random((filters, len(batch))) < share
    chosen[0, 0] = True
    numbers, alerts = np.nonzero(chosen)
    columns = {
        "alert": pa.array(alerts, pa.int32()),
        "filter": pa.array(numbers + 1, pa.int64()),
        "version": pa.array(np.ones(len(alerts)), pa.int32()),
        "record": pa.array([RECORD] * len(alerts)),
    }
    return replace(batch, tables={**batch.tables, MATCHES_TABLE: pa.table(columns)})


def measure(batch: Batch, output: Output, filters: int, share: float, schemas: FilterSchemas | None) -> Cost:
    """Return the least cost of the rounds."""
    now = datetime.now(UTC)
    named = {
        number: Filter(
            id=number,
            version=1,
            definition=Definition(name=f"f{number}", owner="o", selected=SELECTED, output=output),
            topic=f"t{number}",
            created=now,
            changed=now,
        )
        for number in range(1, filters + 1)
    }
    matching = with_matches(batch, filters, share)
    settings, topics = FilterSettings(quota_bytes_per_day=1 << 50), FilterTopics(lambda _names: {})
    streams = FilterStreams(settings, lambda: named, dict, topics=topics, quotas=Quotas(OwnLog()), schemas=schemas)
    best, outgoing = np.inf, streams.outgoing(matching)
    for _ in range(ROUNDS):
        began = time.process_time()
        outgoing = streams.outgoing(matching)
        streams.done(outgoing)
        best = min(best, time.process_time() - began)
    return Cost(
        output=output.name,
        filters=filters,
        share=share,
        records=outgoing.published,
        kilobytes=round(outgoing.published_bytes / 1000 / outgoing.published, 2),
        us_per_record=round(best * 1e6 / outgoing.published, 1),
        us_per_alert=round(best * 1e6 / len(batch), 2),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--filters", type=int, default=1_000)
    parser.add_argument("--avro", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    batch = batch_of(options.alerts)
    for output in (Output.stream, Output.lightcurve, Output.full):
        for share in SHARES if output is Output.stream else SHARES[:2]:
            schemas = FilterSchemas(lambda _subject, _schema: 1) if options.avro else None
            cost = measure(batch, output, options.filters, share, schemas)
            print(json.dumps(asdict(cost)) if options.json else cost)


if __name__ == "__main__":
    main()
