"""What a past night takes to compact and to read, each in a process of its own, so that its memory is known."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from splanc.filters import parse_filter
from splanc.filters import warm as warm_filters
from splanc.past import backtest, compact_night, misses

FILTERS = {
    "bright": ("objects.diaObjectId, r_psfFluxMean AS flux", "objects", "objects.nDiaSources > 3 AND r_psfFluxMean > 5000"),
    "colour": (
        "objects.diaObjectId, alert.snr, mjdnow() - objects.lastDiaSourceMjdTai AS since",
        "objects, objects_variability, alert",
        "alert.snr > 10 AND -2.5*log10(g_psfFluxMean/r_psfFluxMean) BETWEEN -0.5 AND 1.2 AND objects.decl < 0",
    ),
}
"""Two filters: what one selects, joins and wants to be true."""


def alone(function: Callable[[Path, int], dict[str, float]], folder: Path, night: int) -> dict[str, float]:
    """Return what a function returns in a process of its own, and that process's greatest memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(with_memory, function, folder, night).result()


def with_memory(function: Callable[[Path, int], dict[str, float]], folder: Path, night: int) -> dict[str, float]:
    """Return what a function returns, and the greatest memory of this process, MB."""
    found = function(folder, night)
    # What getrusage says is never less than the memory of the process that started this one.
    (peak,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return found | {"memory, MB": int(peak) / 1e3}


def compaction(folder: Path, night: int) -> dict[str, float]:
    """Return what compaction takes, of all threads, and what it makes of the bytes."""
    began, began_cpu = time.perf_counter(), time.process_time()
    done = compact_night(folder, night, refuse)
    assert done is not None
    return {
        "µs of CPU an alert": 1e6 * (time.process_time() - began_cpu) / done.rows,
        "µs an alert": 1e6 * (time.perf_counter() - began) / done.rows,
        "bytes an alert before": done.bytes_before / done.rows,
        "bytes an alert after": done.bytes_after / done.rows,
    }


def reading(folder: Path, night: int) -> dict[str, float]:
    """Return alerts a second of backtests and of counting misses."""
    figures = {}
    warm_filters()
    for name, texts in FILTERS.items():
        tree = parse_filter(*texts)
        began, began_cpu = time.perf_counter(), time.process_time()
        test = backtest(folder, tree, night, refuse)
        figures[f"backtest of {name}, alerts a second"] = test.alerts / (time.perf_counter() - began)
        figures[f"… of {name}, µs of CPU an alert"] = 1e6 * (time.process_time() - began_cpu) / test.alerts
        figures[f"… of {name}, the filter alone, µs per 10,000, at a rate of {test.rate:.2%}"] = test.cost_us
        began = time.perf_counter()
        misses(folder, tree, night, refuse, text=texts[2])
        figures[f"misses of {name}, alerts a second"] = test.alerts / (time.perf_counter() - began)
    return figures


def refuse(damage: Exception) -> None:
    """Stop at a file that cannot be read."""
    raise damage
