"""What the classifier costs: cold and warm, in large and small batches, repeated, over servers, and in memory.

Each figure is taken in a process of its own, so that neither what another has compiled nor its memory counts.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import psutil

from splanc.crossmatch.catalogues import Shelf
from splanc.crossmatch.classifier import Classifier, load_rules, warm
from splanc.crossmatch.service import CachedClassifier, Holds
from splanc.metrics import Metrics

from .sky import Sky, alerts

P = ParamSpec("P")
T = TypeVar("T")

SMALL_BATCH = 300
MEMORY_BYTES = 2 << 30
"""Bound of tiles in memory unless a figure is about it: the default of splanc."""


def fresh(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Return what a function returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **options).result()


@contextmanager
def taking() -> Iterator[Callable[[], tuple[float, float]]]:
    """Yield what returns the CPU of all threads and the time that have passed, seconds."""
    cpu, began = time.process_time(), time.perf_counter()
    yield lambda: (time.process_time() - cpu, time.perf_counter() - began)


def forget(folder: Path) -> None:
    """Have the kernel drop the files of a folder from its page cache, as far as it does so for anybody."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def opened(shelf: Path, memory_bytes: int = MEMORY_BYTES) -> Classifier:
    """Return a classifier by the rules that come with splanc."""
    return Classifier(load_rules(None), Shelf(shelf).open_all(), memory_bytes=memory_bytes)


def cold(shelf: Path, sky: Sky, n_alert: int) -> dict[str, float]:
    """Return how long a new process takes to open the catalogues, for its first visit, and for a visit of another field, seconds."""
    fields = sky.fields()
    first, second = (alerts(sky, field, n_alert, 0) for field in (fields[0], fields[-1]))
    warm()
    with taking() as taken:
        classifier = opened(shelf)
        opening = taken()
    with taking() as taken:
        classifier.classify(*first)
        visit = taken()
    with taking() as taken:
        classifier.classify(*second)
        another = taken()
    return {"open: s": opening[1], "first visit: s": visit[1], "first visit: CPU s": visit[0], "next field: s": another[1], "next field: CPU s": another[0]}


def warmed(shelf: Path, sky: Sky, n_alert: int, rounds: int) -> dict[str, float]:
    """Return the CPU of an alert in a field whose tiles are in memory, µs, in large batches and in small ones; every batch is of other alerts."""
    field = sky.fields()[0]
    classifier = opened(shelf)
    classifier.classify(*alerts(sky, field, n_alert, 0))
    found: dict[str, float] = {}
    for name, n in (("full batch", n_alert), ("small batch", min(SMALL_BATCH, n_alert))):
        classifier.classify(*alerts(sky, field, n, 1))
        cpu, wall = zip(*(_round(classifier, sky, field, (n, seed)) for seed in range(2, 2 + rounds)), strict=True)
        found |= {f"{name}: CPU µs": 1e6 * statistics.median(cpu) / n, f"{name}: least": 1e6 * min(cpu) / n, f"{name}: µs": 1e6 * statistics.median(wall) / n}
    return found | {"alerts/s a core": 1e6 / found["full batch: CPU µs"]}


def _round(classifier: Classifier, sky: Sky, field: list[int], batch: tuple[int, int]) -> tuple[float, float]:
    positions = alerts(sky, field, *batch)
    with taking() as taken:
        classifier.classify(*positions)
        return taken()


def repeated(shelf: Path, sky: Sky, n_alert: int, rounds: int) -> dict[str, float]:
    """Return the CPU of an object that is classified for the first time, again, and again by the next process, µs."""
    positions, objects = alerts(sky, sky.fields()[0], n_alert, 0), np.arange(n_alert, dtype=np.int64)
    classifier = opened(shelf)
    classifier.classify(*positions)
    with tempfile.TemporaryDirectory(prefix="splanc-benchmark-") as folder:
        cached = _cached(classifier, Path(folder))
        cached.classify_objects(objects + n_alert, *positions)
        new = _asked(cached, objects, positions)
        hits = [_asked(cached, objects, positions) for _ in range(rounds)]
        cached.close()
        later = _cached(classifier, Path(folder))
        started = _asked(later, objects, positions)
        after = [_asked(later, objects, positions) for _ in range(rounds)]
    us = 1e6 / n_alert
    return {
        "new object: CPU µs": new * us,
        "hit: CPU µs": statistics.median(hits) * us,
        "hit, first after a start: CPU µs": started * us,
        "hit after a start: CPU µs": statistics.median(after) * us,
    }


def _cached(classifier: Classifier, folder: Path) -> CachedClassifier:
    return CachedClassifier(classifier, folder, holds=Holds(arcsec=0.05, days=30.0), max_bytes=1 << 30, metrics=Metrics())


def _asked(cached: CachedClassifier, objects: np.ndarray, positions: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    with taking() as taken:
        cached.classify_objects(objects, *positions)
        return taken()[0]


def memory(shelf: Path, sky: Sky, n_alert: int, memory_bytes: int) -> dict[str, float]:
    """Return what a process takes that visits every field in turn, MB: before it opens the catalogues, at most, and the difference."""
    warm()
    visits = [alerts(sky, field, n_alert, 0) for field in sky.fields()]
    opened(shelf, memory_bytes).classify(*(angle[:0] for angle in visits[0]))
    before = psutil.Process().memory_info().rss
    classifier = opened(shelf, memory_bytes)
    for visit in visits:
        classifier.classify(*visit)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"bound: MB": memory_bytes / 1e6, "before: MB": before / 1e6, "peak: MB": peak / 1e6, "catalogues: MB": (peak - before) / 1e6}
