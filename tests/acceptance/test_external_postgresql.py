from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from splanc.archive import start_postgres, stop_postgres
from splanc.kafka import EmbeddedBroker, ensure_topics, splanc_topics
from splanc.simulator import Simulation, send
from tests.acceptance.commands import Site, end, site, wait_until
from tests.acceptance.nights import deliveries_of, lite_deliveries

NIGHT = 20260124


@pytest.fixture
def theirs() -> Iterator[Path]:
    """The folder of a PostgreSQL that is not the site's."""
    with tempfile.TemporaryDirectory(prefix="splanc-theirs-") as folder:
        yield Path(folder)
        stop_postgres(Path(folder))


@pytest.fixture
def own_site(theirs: Path) -> Iterator[Site]:
    """A site with Kafka up, whose archive is theirs, empty and down."""
    dsn = start_postgres(theirs)
    stop_postgres(theirs)
    with site(SPLANC_ARCHIVE__DSN=dsn) as own:
        EmbeddedBroker(own.settings).start()
        ensure_topics(own.settings.kafka, splanc_topics(own.settings.kafka))
        yield own


def status(own_site: Site) -> Any:
    return own_site.run("status", "--json").json


def test_a_node_starts_streams_and_then_archives_though_postgresql_is_away_and_not_migrated(own_site: Site, theirs: Path) -> None:
    nights = [Simulation(night=NIGHT, visits=1, alerts_per_visit=60, seed=seed, corpus="shallow", first_sequence=seed) for seed in (26, 27)]
    node = own_site.start("ingest", "--name", "node", log="ingest")
    send(nights[0], own_site.settings.kafka)
    wait_until(lambda: lite_deliveries(own_site) == deliveries_of(nights[0]), "alerts are streamed out without the archive")
    assert status(own_site)["lag"] == {"publish": 0, "archive": None}
    assert status(own_site)["archive_error"].startswith("the archive's PostgreSQL: connection is bad")

    start_postgres(theirs)
    assert "`splanc archive migrate`" in status(own_site)["archive_error"]
    assert "`splanc archive migrate`" in own_site.run("status").out
    send(nights[1], own_site.settings.kafka)
    wait_until(lambda: lite_deliveries(own_site) == deliveries_of(nights[0]) + deliveries_of(nights[1]), "alerts are streamed out without tables")
    assert status(own_site)["lag"]["archive"] is None

    own_site.run("archive", "migrate")
    wait_until(lambda: status(own_site)["lag"] == {"publish": 0, "archive": 0}, "all is archived")
    ledger = own_site.run("ledger", NIGHT, "--json").json
    assert ledger["adds_up"] is True
    assert ledger["total"] == {"received": 120, "archived": 120, "published": 120, "rejected": 0, "repeated": 0, "cutouts": 360}
    (failing,) = [event for event in own_site.logged("ingest") if event["event"] == "archive side failing"]
    assert "connection is bad" in failing["why"]
    node.terminate()
    assert end(node, 10) == 0
