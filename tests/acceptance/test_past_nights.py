"""Past nights on a running system: the next alert of an object is explained as it comes, and a night that is over is compacted by the node."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta

from splanc.night import night_of
from splanc.simulator import Simulation
from tests.acceptance.commands import Site, wait_until
from tests.acceptance.nights import messages_of, options, packet_of
from tests.integration.past.rows import full_batch, keep

OVER = night_of(datetime.now(UTC) - timedelta(days=2))

SIMULATION = Simulation(visits=1, alerts_per_visit=60, seed=5, damaged_share=0.0)


def test_a_node_explains_as_it_goes_and_keeps_past_nights_in_order(own_site: Site) -> None:
    site = own_site
    rows = site.data_dir / "rows"
    keep(rows, full_batch(night=OVER, width=9))
    os.utime(rows / str(OVER), (1, 1))
    packets = [packet for packet in map(packet_of, messages_of(SIMULATION)) if packet and packet["diaObject"]]
    often = Counter(packet["diaObject"]["diaObjectId"] for packet in packets)
    packet = next(packet for packet in packets if often[packet["diaObject"]["diaObjectId"]] == 1)
    trigger, identity = packet["diaSource"], packet["diaObject"]["diaObjectId"]

    site.start("ingest", "--name", "n1", log="node")
    wait_until(lambda: any(line["event"] == "node started" for line in site.logged("node")), "the node has started", 180)
    where = f"alert.psfFlux > {trigger['psfFlux'] + 1000} AND objects.nDiaSources >= 1"
    follower = site.start("filter", "explain", identity, "--tables", "objects, alert", "--where", where, "--follow", "--json", log="follower")
    wait_until(lambda: "waiting for the next alert" in site.log("follower").read_text(), "explain waits")
    site.run("simulate", *options(SIMULATION))
    assert follower.wait(60) == 0
    (said,) = site.logged("follower")
    assert (said["matched"], said["alert"]["diaObjectId"], said["alert"]["diaSourceId"]) == (False, identity, trigger["diaSourceId"])
    flux, sources = said["conditions"]
    assert (flux["is_true"], round(flux["distance"]["absolute"]), sources["is_true"]) == (False, 1000, True)
    assert flux["values"] == {"alert.psfFlux": trigger["psfFlux"]}

    wait_until(lambda: any(line["event"] == "past night compacted" for line in site.logged("node")), "the past night is compacted", 300)
    assert [path.name for path in (rows / str(OVER)).iterdir() if path.suffix != ".lock"] == ["night-000001.parquet"]
    assert [test["alerts"] for test in site.run("filter", "backtest", "--where", "ra > 0", "--nights", OVER, "--json").json] == [6]
