"""`splanc blobs expire` and `splanc blobs verify` over a real PostgreSQL, with packs in a folder and on a real S3 server."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from splanc import head
from splanc.archive import BlobStore
from splanc.cli import app
from splanc.config import Settings
from splanc.errors import UserError
from splanc.head import cutouts_of, expire_packs, verify_packs
from splanc.packet import Batch, Partition
from tests.integration.blobs.farnode import FarNode, sent, settings_with
from tests.unit.archive_blobs.batches import real_messages, warm_decoder

SPANS = {Partition("lsst-alerts", number): (100, 109) for number in range(3)}


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return warm_decoder(tmp_path).decode(real_messages(tmp_path))


@pytest.fixture(params=["folder", "S3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, archive_dsn: str, s3_port: int, batch: Batch) -> Settings:
    """Settings of an archive with one pack in the blob store."""
    made = settings_with(tmp_path, archive_dsn, s3_port, f"s3://bucket/{tmp_path.name}")
    if request.param == "folder":
        only_url = {"endpoint_url": None, "region": None, "access_key_id": None, "secret_access_key": None, "url": None}
        made = made.model_copy(update={"blobs": made.blobs.model_copy(update=only_url)})
    with closing(FarNode(made)) as node:
        node.archive_batch(batch, SPANS)
        node.uploader.upload_all()
        assert node.local.state() == (0, 0)
        assert node.packs()[0]["stored"] is not None
    return made


def store_of(settings: Settings) -> BlobStore:
    return BlobStore(settings.blobs_place, settings.blobs_s3)


def pack_of(settings: Settings) -> tuple[str, datetime]:
    """Name of the one pack, and a moment in its night."""
    (blob,) = store_of(settings).list()
    return blob.name, datetime.strptime(f"{blob.name[:8]}+0000", "%Y%m%d%z") + timedelta(hours=20)


def change(settings: Settings, statement: str) -> None:
    with psycopg.connect(settings.archive_dsn) as connection:
        connection.execute(statement)


def flaws(settings: Settings, sample: int | None = None) -> list[str]:
    return [flaw.why for flaw in verify_packs(settings, sample=sample)]


def put(settings: Settings, name: str, content: bytes) -> None:
    local = settings.data_dir / "made.pack"
    local.write_bytes(content)
    store_of(settings).put_pack(local, name)


def test_packs_expire_by_the_night_of_their_alerts(settings: Settings, batch: Batch) -> None:
    name, night = pack_of(settings)
    (identity, cutouts), *_ = sent(batch).items()
    assert list(expire_packs(settings, now=night + timedelta(days=365))) == []
    later = night + timedelta(days=366)
    assert [blob.name for blob in expire_packs(settings, now=later, dry_run=True)] == [name]
    assert cutouts_of(settings, identity) == cutouts
    (gone,) = expire_packs(settings, now=later)
    assert (gone.name, gone.size_bytes > sum(map(len, cutouts.values()))) == (name, True)
    assert list(store_of(settings).list()) == []
    assert list(expire_packs(settings, now=later)) == []
    with pytest.raises(UserError, match=rf"their pack {name} expired on 20\d\d-\d\d-\d\d \(blobs\.retention_days\)"):
        cutouts_of(settings, identity)
    assert flaws(settings) == []


def test_what_a_failure_left_behind_expires_too(settings: Settings) -> None:
    name, night = pack_of(settings)
    leftover = f"{name[:8]}/left-over.pack"
    put(settings, leftover, b"x")
    change(settings, "UPDATE packs SET expired = now()")
    now = max(night, datetime.now(UTC)) + timedelta(days=400)
    assert list(expire_packs(settings, now=night + timedelta(days=10))) == []
    assert {blob.name for blob in expire_packs(settings, now=now)} == {name, leftover}
    assert list(store_of(settings).list()) == []


def test_a_pack_that_the_archive_may_be_about_to_name_is_left(settings: Settings) -> None:
    name, night = pack_of(settings)
    change(settings, "DELETE FROM packs")
    moment = datetime.now(UTC) + timedelta(hours=23)
    assert moment > night + timedelta(days=300)
    short = settings.model_copy(update={"blobs": settings.blobs.model_copy(update={"retention_days": 1.0})})
    assert list(expire_packs(short, now=moment)) == []
    assert [blob.name for blob in expire_packs(short, now=moment + timedelta(hours=2))] == [name]


def test_a_sound_store(settings: Settings) -> None:
    assert flaws(settings) == flaws(settings, sample=5) == []


def test_an_alert_that_is_twice_in_one_pack_is_no_flaw(settings: Settings, batch: Batch) -> None:
    other = settings.model_copy(update={"data_dir": settings.data_dir / "other"})
    messages = batch.messages
    twice = replace(messages, values=[*messages.values[:-1], messages.values[0]], offsets=messages.offsets + 100)
    change(settings, "DELETE FROM alerts")
    with closing(FarNode(other if settings.blobs.url else settings)) as node:
        node.archive_batch(warm_decoder(settings.data_dir).decode(twice), dict.fromkeys(SPANS, (109, 209)))
        node.uploader.upload_all()
    change(settings, f"DELETE FROM packs WHERE name < '{max(blob.name for blob in store_of(settings).list())}'")
    assert flaws(settings) == []


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE alerts SET templatestart = templatestart + 1 WHERE diasourceid = (SELECT max(diasourceid) FROM alerts)", "the index of 1 of 27 alerts is not"),
        ("UPDATE alerts SET checksum = checksum # 1", "the index of 27 of 27 alerts is not"),
        ("UPDATE alerts SET differencelength = NULL", "the index of 27 of 27 alerts is not"),
        ("UPDATE packs SET checksum = checksum # 1", "its checksum is not the archived one"),
        ("UPDATE packs SET bytes = bytes + 1", "were archived"),
        ("UPDATE alerts SET pack = NULL", "no alert names it"),
        ("DELETE FROM packs", "27 alerts name it, but the archive does not know it"),
        ("UPDATE packs SET stored = NULL, host = 'far', created = now() - interval '25 hours'", "only on the disk of far: start node node-1 there"),
    ],
)
def test_an_index_that_does_not_fit(settings: Settings, statement: str, why: str) -> None:
    change(settings, statement)
    (flaw,) = flaws(settings)
    assert why in flaw


@pytest.mark.parametrize("at", [100, -5])
def test_a_damaged_pack(settings: Settings, at: int) -> None:
    name, _ = pack_of(settings)
    content = bytearray(store_of(settings).get(name))
    content[at] ^= 1
    put(settings, name, bytes(content))
    (flaw,) = flaws(settings, sample=1)
    assert "changed" in flaw


def test_the_commands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "start_services", lambda _settings, _say, **_: settings)
    run, where = CliRunner(), ["--data-dir", str(settings.data_dir)]
    name, _ = pack_of(settings)
    sound = run.invoke(app, ["blobs", "verify", *where])
    assert (sound.exit_code, sound.stdout) == (0, "")
    assert "read 1 packs; nothing amiss" in sound.stderr
    change(settings, "UPDATE packs SET night = 20010101")
    dry = run.invoke(app, ["blobs", "expire", "--dry-run", *where])
    assert (dry.exit_code, dry.stdout) == (0, f"{name}\n")
    assert "would delete 1 packs" in dry.stderr
    store_of(settings).delete(name)
    missing = run.invoke(app, ["blobs", "verify", "--sample", "3", *where])
    assert missing.exit_code == 1
    assert missing.stdout.startswith(f"{name}: not in the blob store")
    assert "1 amiss" in missing.stderr
    gone = run.invoke(app, ["blobs", "expire", *where])
    assert (gone.exit_code, gone.stdout) == (0, f"{name}\n")
    assert "deleted 1 packs, 0.0 GB (blobs.retention_days = 365)" in gone.stderr
    assert [path.name for path in (settings.data_dir / "packs" / "node-1").iterdir()] == ["lock"]
