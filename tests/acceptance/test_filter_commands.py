"""Filters as their users have them: the installed commands, and a node that runs what they say."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

from splanc.config import FilterSettings
from tests.acceptance.commands import Site, wait_until
from tests.support.kafka import free_port

REAL = Path(__file__).parents[1] / "data" / "packets" / "lsst_v10_0_real.avro"

LIVE_SECONDS = 5.0
"""A filter that was changed anywhere is live on all nodes within this time, seconds."""

OFTEN = str(FilterSettings().poll_seconds / 10)
"""Ten times as often as by default, so that the limit holds on a machine ten times as slow."""


def test_a_filter_from_its_first_check_to_its_end(shared_site: Site) -> None:
    site = shared_site
    site.run("backfill", REAL)
    texts = ("--select", "objects.diaObjectId, nDiaSources AS seen", "--where", "nDiaSources >= 1")
    assert "nDiaSources" in site.run("filter", "check", "--select", "objects.diaObjectId", "--where", "nDiaSuorces > 1", code=2).err
    assert site.run("filter", "check", *texts, "--json").json["record"] == ["diaObjectId", "seen"]
    made = site.run("filter", "create", "seen before", *texts, "--owner", "maria", "--json").json
    assert (made["topic"], made["state"]) == ("lasair_mariaseenbefore", "active")
    expected = site.run("query", "SELECT diaObjectId, nDiaSources AS seen FROM objects WHERE nDiaSources >= 1", "--format", "json").json
    found = site.run("filter", "run", "seen before", "--archive", "--owner", "maria", "--format", "json").json
    assert len(found) > 3
    assert sorted(map(str, found)) == sorted(map(str, expected))
    (site.data_dir / "where.sql").write_text("nDiaSources >= 2\n")
    site.run("filter", "edit", "seen before", "--where", f"@{site.data_dir}/where.sql", "--owner", "maria")
    assert "+where: nDiaSources >= 2" in site.run("filter", "show", "seen before", "--diff", 1, "--owner", "maria").out.splitlines()
    site.run("filter", "delete", "Seen Before", "--owner", "maria")
    assert site.run("filter", "list", "--all", "--json").json == []


def running(port: int) -> int | None:
    """Return how many filters a node runs, or None before it says so."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    return next(int(float(line.split()[1])) for line in lines if line.startswith("splanc_filters_running "))


def test_a_node_runs_what_is_changed_anywhere_within_seconds(shared_site: Site) -> None:
    port = free_port()
    texts = ("--select", "objects.diaObjectId", "--where", "nDiaSources > 3")
    shared_site.run("filter", "create", "first", *texts)
    node = shared_site.start("ingest", "--name", "filters", "--metrics-port", port, log="filters", SPLANC_FILTERS__POLL_SECONDS=OFTEN)
    wait_until(lambda: running(port) == 1, "the node runs the filter that it found")
    for command, expected in ((("create", "second", *texts), 2), (("pause", "first"), 1), (("resume", "first"), 2)):
        shared_site.run("filter", *command)
        changed = time.monotonic()
        wait_until(lambda expected=expected: running(port) == expected, " ".join(command), LIVE_SECONDS)
        assert time.monotonic() - changed < LIVE_SECONDS
    node.terminate()
    assert node.wait(30) == 0
    for name in ("first", "second"):
        shared_site.run("filter", "delete", name)
