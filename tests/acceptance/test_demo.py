from __future__ import annotations

import json
import re
import time

import psutil
import psycopg

from tests.acceptance.commands import Site


def test_the_demo_kills_its_nodes_and_proves_that_nothing_was_lost_or_repeated(own_site: Site) -> None:
    began = time.time()
    said = own_site.run("demo", "--json", "--visits", 3, "--alerts-per-visit", 300, "--pace", "max", "--kill", "--keep", seconds=300)
    assert len(said.out.splitlines()) == 1
    summary = said.json
    sent = summary["sent"]
    assert sent["messages"] == sent["alerts"] + sent["repeated"] + sent["damaged"]
    assert (sent["alerts"], sent["repeated"], sent["damaged"]) == (900, 4, 1)
    assert summary["ledger_ok"] is True
    assert summary["problems"] == []
    assert {name: summary[name] for name in ("received", "archived", "published", "rejected", "repeated", "cutouts")} == {
        "received": 905, "archived": 900, "published": 904, "rejected": 1, "repeated": 4, "cutouts": 2700,
    }  # fmt: skip
    assert set(summary["per_node"]) == {"demo-1", "demo-2"}
    assert 0 < summary["seconds"] < time.time() - began
    for side in ("lite_topic", "archive"):
        latency = summary["latency"][side]
        assert 0 <= latency["p50"] <= latency["p99"] <= latency["max"] * 1.2
    assert {name: one["evaluated"] for name, one in summary["filters"].items()} == {"bright": 904, "jumps": 904, "movers": 904}
    for one in summary["filters"].values():
        assert (one["problems"], one["withheld"]) == ([], 0)
        assert 0 < one["matched"] == one["published"] < 200
    assert sum(summary["classes"].values()) > 500
    assert {"VS", "BS", "NT", "SN", "ORPHAN"} <= set(summary["classes"]) <= {"VS", "BS", "CV", "HPMS", "NT", "SN", "ORPHAN"}
    again = own_site.run("demo", "--json", "--visits", 1, "--alerts-per-visit", 50, "--pace", "max", "--nodes", 1, "--keep", seconds=300).json
    assert (again["ledger_ok"], again["archived"]) == (True, 50)
    assert [one["name"] for one in own_site.run("filter", "list", "--owner", "demo", "--json").json] == ["bright", "jumps", "movers"]
    assert_that_a_lost_row_is_noticed(own_site, summary["night"])


def assert_that_a_lost_row_is_noticed(site: Site, night: int) -> None:
    assert site.run("ledger", night, "--json").json["adds_up"] is True
    with psycopg.connect(site.dsn) as connection:
        ((visit, lost),) = connection.execute("SELECT visit, diasourceid FROM alerts ORDER BY diasourceid LIMIT 1").fetchall()
        connection.execute("DELETE FROM alerts WHERE diasourceid = %s", [lost])
    said = site.run("ledger", night, "--json", code=1)
    assert said.json["adds_up"] is False
    assert said.json["problems"] == [f"visit {visit}: archived is 300, but rows in the archive is 299"]
    assert f"visit {visit}: archived is 300, but rows in the archive is 299" in site.run("ledger", night, code=1).out


def test_the_demo_ends_with_what_it_saw_and_stops_what_it_started(own_site: Site) -> None:
    shown = own_site.run("demo", "--visits", 2, "--alerts-per-visit", 100, "--pace", "max", "--nodes", 1, seconds=300).out
    for expected in (
        "ledger of night",
        "it adds up",
        "catalogues of the demo: gaia_dr3 (482,106 rows), bright_stars",
        "what is near the objects of night",
        "all that is near it: splanc classify",
        "filters by night",
        "bright",
        "nothing lost, nothing repeated",
        "what to try next",
        f"--data-dir {own_site.data_dir}",
    ):
        assert expected in shown
    ((topic, record),) = re.findall(r"^a record of topic (lasair_demo\w+):\n  ({.*})$", shown, re.MULTILINE)
    assert topic.removeprefix("lasair_demo") in {"bright", "jumps", "movers"}
    assert list(json.loads(record))[-1] == "UTC"
    assert "nothing was running" in own_site.run("down").out
    assert not [process.pid for process in psutil.process_iter(["cmdline"]) if str(own_site.data_dir) in " ".join(process.info["cmdline"] or ())]
