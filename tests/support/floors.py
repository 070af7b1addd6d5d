"""The floors of the tests, for pytest: their order, their time limits, and no skips.

A test's floor is its folder below `tests/`. Floors run from the cheapest up; the tests inside one stay in random order.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

FLOORS = ("unit", "docs", "fuzz", "integration", "acceptance")
"""The folders below `tests/` that hold tests, in the order in which they run."""

TIMEOUT_SECONDS = {"unit": 5, "docs": 20, "fuzz": 120, "integration": 120, "acceptance": 900}
"""Longest time of one test; a test may state its own with `pytest.mark.timeout`. In `unit` and `docs` fixtures are not counted,
so that compiling the decoder once for all is nobody's fault."""

UNIT_SECONDS = 30.0
"""Longest CPU time of all of `tests/unit`, fixtures not counted: slower, and nobody runs it after every change.
What else the machine does is no fault of the tests."""

TESTS = Path(__file__).resolve().parents[1]
"""The folder of all tests."""

_seconds: defaultdict[str, float] = defaultdict(float)
_cpu_seconds: defaultdict[str, float] = defaultdict(float)
_counts: Counter[str] = Counter()


def floor_of(path: Path, tests: Path = TESTS) -> str:
    """Return the floor of a test file.

    Raises
    ------
    pytest.UsageError
        If the file lies in no floor.
    """
    floor = path.relative_to(tests).parts[0] if path.is_relative_to(tests) else ""
    if floor not in FLOORS:
        raise pytest.UsageError(f"{path} lies in no floor; put it in one of {', '.join(FLOORS)}")
    return floor


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FLOORS.index(floor_of(item.path)))
    for item in items:
        floor = floor_of(item.path)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS[floor], func_only=floor in {"unit", "docs"}))


def no_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a report of a skip, or of an expected failure, into a failure."""
    if report.outcome == "skipped":
        reason = getattr(report, "wasxfail", None) or (report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr))
        report.__dict__.pop("wasxfail", None)
        report.outcome = "failed"
        report.longrepr = f"a test must run and pass, not be skipped or expected to fail: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    began = time.process_time()
    try:
        return (yield)
    finally:
        _cpu_seconds[floor_of(item.path)] += time.process_time() - began


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    no_skip(report)
    if report.when == "call":
        floor = floor_of(item.path)
        _seconds[floor] += report.duration
        _counts[floor] += 1
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    no_skip(report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _cpu_seconds["unit"] > UNIT_SECONDS and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for floor in FLOORS:
        if _counts[floor]:
            terminalreporter.write_line(f"{floor:12} {_counts[floor]:5} tests {_seconds[floor]:7.1f} s")
    if _cpu_seconds["unit"] > UNIT_SECONDS:
        terminalreporter.write_line(f"tests/unit took {_cpu_seconds['unit']:.1f} s of CPU; it must stay under {UNIT_SECONDS:.0f} s", red=True)
