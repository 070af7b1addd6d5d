"""CPU of the features, µs an alert and family: `python -m benchmarks.features [--corpus history|mixed|deep] [--json]`.

The corpus `history` is made here as columns: each object a transient in six bands, seen in visits of two, with 18 to 38
diaSources (mean 28, the trigger's included) and 34 to 74 forced points (mean 54); the others are the simulator's, decoded.
All objects have a reddening and no class, so that every family has all of its work. Fits are told apart, by object fitted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from splanc.config import SchemaSettings
from splanc.features import BANDS, FAMILIES, VARIABILITY_COLUMNS, Objects, objects_of, warm
from splanc.features import _bazin as fits
from splanc.features._blackbody import HC_OVER_K, WAVELENGTHS_UM
from splanc.features._stage import as_column
from splanc.features.variability import compute as compute_variability
from splanc.packet import RECORDS, Batch, Decoder, Messages, SchemaStore
from splanc.simulator import Simulation

SEED = 20251231
NIGHT = 20261122
EBV_MAG = 0.05

SOURCES, FORCED = (18, 38), (34, 74)
"""Least and most diaSources and forced points of an object of the corpus `history`."""

LATEST_MJD = 61_100.0
SPAN_DAYS = 100.0
ERROR_NJY = 200.0


def made_batch(n_alerts: int) -> Batch:
    """Return a batch of the corpus `history`."""
    rng = np.random.default_rng(SEED)
    laws = np.stack([rng.uniform(1e3, 1e5, n_alerts), rng.uniform(4, 14, n_alerts), rng.uniform(20, 60, n_alerts), 10 ** rng.uniform(-1, 0.3, n_alerts)])
    tables = {
        "diaSource": made_table("diaSource", laws, rng.integers(SOURCES[0], SOURCES[1] + 1, n_alerts), rng, trigger=True),
        "diaForcedSource": made_table("diaForcedSource", laws, rng.integers(FORCED[0], FORCED[1] + 1, n_alerts), rng, trigger=False),
        "diaObject": record("diaObject", {"alert": np.arange(n_alerts), "diaObjectId": np.arange(n_alerts) + 1, "ra": rng.uniform(0, 360, n_alerts)}),
    }
    none = np.zeros(0, np.int64)
    messages = Messages(values=[], topics=[], partitions=none.astype(np.int32), offsets=none, timestamps_ms=none)
    return Batch(messages=messages, alerts=pa.table({"midpointMjdTai": np.full(n_alerts, LATEST_MJD)}), tables=tables, cutouts={}, rejects=[])


def made_table(name: str, laws: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], rng: np.random.Generator, *, trigger: bool) -> pa.Table:
    """Return sources of Bazin's law with noise, in visits of two half an hour apart; the trigger first and the rest in time, as packets have them."""
    alert, n = np.repeat(np.arange(len(counts)), counts), int(counts.sum())
    days = np.floor(rng.uniform(0, SPAN_DAYS - 1, n)) + rng.integers(0, 2, n) / 48 + rng.uniform(0, 0.01, n)
    if trigger:
        days[np.cumsum(counts) - counts] = SPAN_DAYS
    days = days[np.lexsort((days, alert))]
    if trigger:
        for end, count in zip(np.cumsum(counts), counts, strict=True):
            days[end - count : end] = np.roll(days[end - count : end], 1)
    band = rng.integers(0, len(BANDS), n)
    flux = law(laws[:, alert], days, band) + rng.normal(0, ERROR_NJY, n)
    values = {"midpointMjdTai": LATEST_MJD - SPAN_DAYS + days, "psfFlux": flux, "psfFluxErr": np.full(n, ERROR_NJY), "reliability": rng.uniform(0, 1, n)}
    return record(name, {"alert": alert, f"{name}Id": rng.permutation(n) + 1, "band": np.array(list(BANDS))[band], **values})


def law(laws: npt.NDArray[np.float64], days: npt.NDArray[np.float64], band: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return Bazin's law with a black body's colours: amplitude, temperature (kK), day and rate (1/d) of the rise, shape (4, n)."""
    amplitude, kilokelvin, middle, rate = laws
    micron = WAVELENGTHS_UM[band]
    after = days - middle
    shape = np.exp(-rate / 10 * after) / (1 + np.exp(-np.clip(rate * after, -500, 500)))
    return np.asarray(amplitude * micron**-3 / np.expm1(HC_OVER_K / (micron * kilokelvin)) * shape)


def record(name: str, values: Mapping[str, npt.NDArray[np.generic]]) -> pa.Table:
    """Return a table of a batch with these columns, and the others NULL."""
    schema = pa.schema([("alert", pa.int32()), *RECORDS[name]])
    n = len(values["alert"])
    return pa.table([pa.array(values[f.name]).cast(f.type, safe=False) if f.name in values else pa.nulls(n, f.type) for f in schema], schema=schema)


def simulated_batch(corpus: str, n_alerts: int) -> Batch:
    """Return one decoded visit of the simulator's."""
    visit = next(Simulation(night=NIGHT, visits=1, alerts_per_visit=n_alerts, corpus=corpus, solar_share=0.0).observe())
    values = list(visit.messages())
    numbers = np.arange(len(values))
    messages = Messages(values=values, topics=["made"] * len(values), partitions=np.zeros(len(values), np.int32), offsets=numbers, timestamps_ms=numbers)
    with tempfile.TemporaryDirectory() as folder:
        return Decoder(SchemaStore(SchemaSettings(), Path(folder)), max(map(len, values))).decode(messages)


def costs(batch: Batch, rounds: int) -> dict[str, float]:
    """Return µs an alert of each family, without the fits, and of what is around them."""
    n = len(batch)
    ebv_mag = np.full(batch.tables["diaObject"].num_rows, EBV_MAG)
    objects = objects_of(batch, ebv_mag)
    families = [family for family in FAMILIES if family is not fits]
    values = [(compute_variability(objects), VARIABILITY_COLUMNS)] + [(family.compute(objects), family.COLUMNS) for family in families]
    work: dict[str, Callable[[], object]] = {"light curves": lambda: objects_of(batch, ebv_mag)}
    work |= {family.__name__.rsplit("._", 1)[-1]: lambda family=family: family.compute(objects) for family in families}  # type: ignore[misc]
    work |= {
        "variability": lambda: compute_variability(objects),
        "columns": lambda: [as_column(computed[field.name], field.type) for computed, columns in values[1:] for field in columns],
        "columns of variability": lambda: [as_column(values[0][0][field.name], field.type) for field in VARIABILITY_COLUMNS],
    }
    return {name: 1e6 * median_seconds(function, rounds) / n for name, function in work.items()}


def fit_microseconds(objects: Objects) -> tuple[float, int]:
    """Return what the fits cost, µs an object fitted, and the number of these."""
    fitted = int((np.diff(objects.sources.starts) >= 5).sum())  # all have a reddening, and none a class
    return 1e6 * median_seconds(lambda: fits.compute(objects), 1) / max(fitted, 1), fitted


def median_seconds(function: Callable[[], object], rounds: int) -> float:
    """Return the CPU time of a call, seconds."""
    seconds = []
    with np.errstate(all="ignore"):
        for _ in range(rounds):
            begin = time.process_time()
            function()
            seconds.append(time.process_time() - begin)
    return statistics.median(seconds)


def main() -> None:
    """Measure one corpus and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", default="history", choices=("history", "mixed", "deep"))
    parser.add_argument("--alerts", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    options = parser.parse_args()
    warm()
    batch = made_batch(options.alerts) if options.corpus == "history" else simulated_batch(options.corpus, options.alerts)
    depth = {name: batch.tables[name].num_rows / len(batch) for name in ("diaSource", "diaForcedSource")}
    found = costs(batch, options.rounds)
    some = objects_of(made_batch(100), np.full(100, EBV_MAG))
    fit, fitted = fit_microseconds(some)
    print(f"{options.corpus}: {depth['diaSource']:.1f} diaSources and {depth['diaForcedSource']:.1f} forced points an alert; µs of CPU an alert")
    for name, microseconds in found.items():
        print(f"  {name:24} {microseconds:8.2f}")
    print(f"  {'all but the fits':24} {sum(found.values()):8.2f}")
    print(f"  {'fits':24} {fit:8.0f}  for each of {fitted} objects fitted")
    if options.json:
        print(json.dumps({"corpus": options.corpus, **depth, **found, "fit": fit}))


if __name__ == "__main__":
    main()
