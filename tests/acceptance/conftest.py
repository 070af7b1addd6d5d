"""A site for each test of commands."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.acceptance.commands import Site, site

LOG_LINES = 40
"""Last lines of each log that are shown when a test fails; the site, and its logs with it, is gone by then."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the commands logged in a test that failed."""
    report = yield
    if report.when == "call" and report.failed:
        sites = [fixture for fixture in item.funcargs.values() if isinstance(fixture, Site)]
        for log in (log for own in sites for log in sorted(own.data_dir.glob("*.log"))):
            report.sections.append((f"end of {log.name}", "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])))
    return report


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Site]:
    """A site whose tests only add to it."""
    with site() as own:
        yield own


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A site of this test alone."""
    with site() as own:
        yield own
