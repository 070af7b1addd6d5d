"""A night whose cutouts go to a real S3 server that is away while it lasts, with nodes killed, and another node that ends the uploads."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from tests.acceptance.commands import Site
from tests.support.s3 import BUCKET, Link, settings_of

SECONDS = 120.0


def test_a_night_while_the_object_store_is_away(own_site: Site, s3_link: Link, tmp_path: Path) -> None:
    own_site.variables["SPLANC_BLOBS__URL"] = f"s3://{BUCKET}/night"
    store = settings_of(s3_link.port)
    own_site.variables |= {f"SPLANC_BLOBS__{name.upper()}": value for name, value in store.items() if name != "endpoint"}
    own_site.variables["SPLANC_BLOBS__ENDPOINT_URL"] = store["endpoint"]
    s3_link.close()
    summary = own_site.run("demo", "--json", "--visits", 3, "--alerts-per-visit", 300, "--pace", "max", "--kill", "--keep", seconds=300).json
    assert (summary["ledger_ok"], summary["problems"], summary["cutouts"]) == (True, [], 2700)
    with psycopg.connect(own_site.dsn) as connection:
        ((alert, packs, stored),) = connection.execute("SELECT (SELECT max(diasourceid) FROM alerts), count(*), count(stored) FROM packs").fetchall()
    assert (packs > 0, stored) == (True, 0)
    picture, again = tmp_path / "local.png", tmp_path / "stored.png"
    own_site.run("cutout", alert, "--png", picture)

    s3_link.open()
    own_site.start("ingest", "--name", "another", log="another.log")
    deadline = time.monotonic() + SECONDS
    while list((own_site.data_dir / "packs").rglob("*.pack")):
        assert time.monotonic() < deadline, (own_site.data_dir / "another.log").read_text()[-3000:]
        time.sleep(0.2)
    said = own_site.run("blobs", "verify")
    assert f"read {packs} packs; nothing amiss" in said.err
    own_site.run("cutout", alert, "--png", again)
    assert again.read_bytes() == picture.read_bytes()
