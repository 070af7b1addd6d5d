from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from splanc.archive import Loaded, PackDamaged
from splanc.config import ArchiveSettings, Settings
from splanc.errors import PacketError, UserError
from splanc.head import cutouts_of
from splanc.ingest import FILE_TOPIC, backfill
from tests.support.packets import REAL_PACKETS, real_records
from tests.support.ztf import TARBALLS, read, real_messages

CUTOUTS = {"science": "cutoutScience", "template": "cutoutTemplate", "difference": "cutoutDifference"}

LASTING = ("alerts", "objects", "objects_variability", "diasources", "diaforcedsources", "sssources", "mpc_orbits", "history_mark", "ingest_mark")
"""Tables that a repetition must leave as they are; the ledger notes it."""


@pytest.fixture
def settings(archive_dsn: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", archive=ArchiveSettings(dsn=SecretStr(archive_dsn)))


def rows(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    assert settings.archive.dsn is not None
    with psycopg.connect(settings.archive.dsn.get_secret_value()) as connection:
        return connection.execute(statement).fetchall()


def tables(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(rows(settings, f"SELECT * FROM {name}"), key=repr) for name in LASTING}


def filled(settings: Settings, *paths: Path) -> tuple[list[Loaded], list[PacketError]]:
    rejected: list[PacketError] = []
    return list(backfill(settings, paths, on_reject=rejected.append)), rejected


def test_a_real_file_is_archived_once_however_often_it_comes(settings: Settings) -> None:
    real = {record["diaSource"]["diaSourceId"]: record for record in real_records()}
    (first,), rejected = filled(settings, REAL_PACKETS)
    assert (first.received, first.archived, first.repeated, first.rejected, first.cutouts) == (27, 27, 0, 0, 81)
    assert rejected == []
    before = tables(settings)
    assert {row[0] for row in rows(settings, "SELECT diasourceid FROM alerts")} == set(real)
    sources = {source["diaSourceId"] for record in real.values() for source in [record["diaSource"], *(record["prvDiaSources"] or [])]}
    assert {row[0] for row in rows(settings, "SELECT diasourceid FROM diasources")} == sources
    assert rows(settings, "SELECT DISTINCT topic, kafkapartition FROM alerts") == [(f"{FILE_TOPIC}{REAL_PACKETS}", -1)]
    assert before["ingest_mark"] == []
    of_both = "count(o.*), count(v.*), count(v.all_weightedMean), bool_and(v.alertMjdTai = o.alertMjdTai)"
    beside = f"SELECT {of_both} FROM objects o FULL JOIN objects_variability v USING (diaObjectId)"
    n_objects = len(before["objects"])
    assert rows(settings, beside) == [(n_objects, n_objects, n_objects, True)]

    (second,), rejected = filled(settings, REAL_PACKETS)
    assert (second.received, second.archived, second.repeated, second.rejected, second.cutouts) == (27, 0, 27, 0, 0)
    assert tables(settings) == before
    assert rows(settings, "SELECT sum(received), sum(archived), sum(repeated), sum(cutouts) FROM ledger") == [(54, 27, 27, 81)]
    assert rejected == []
    assert list((settings.data_dir / "cache").iterdir()) == []


def test_cutouts_are_those_of_the_packets_before_and_after_a_repetition(settings: Settings) -> None:
    for _ in range(2):
        filled(settings, REAL_PACKETS)
        for record in real_records():
            found = cutouts_of(settings, record["diaSource"]["diaSourceId"])
            assert found == {kind: record[name] for kind, name in CUTOUTS.items()}


def test_a_damaged_file_costs_its_damage_only(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "packets"
    folder.mkdir()
    content = REAL_PACKETS.read_bytes()
    (folder / "a_torn_message.avro").write_bytes(b"\0\0\0\3\xe8\x02\x02")
    (folder / "b_torn_container.avro").write_bytes(content[:-1000])
    (folder / "c_text.avro").write_text("no packet at all")
    (folder / "d_note.txt").write_text("passed over")
    with tarfile.open(folder / "e_good.tar.gz", "w:gz") as tarball:
        tarball.add(REAL_PACKETS, "inside.avro")
    loads, rejected = filled(settings, folder)
    names = [Path(error.topic.removeprefix(FILE_TOPIC)).name for error in rejected]
    assert sorted(names) == ["a_torn_message.avro", "b_torn_container.avro", "c_text.avro"]
    assert all(str(folder) in str(error) for error in rejected)
    assert sum(loaded.archived for loaded in loads) == 27
    assert {row[0] for row in rows(settings, "SELECT diasourceid FROM alerts")} == {record["diaSource"]["diaSourceId"] for record in real_records()}
    assert sum(loaded.rejected for loaded in loads) == 1
    assert rows(settings, "SELECT sum(received) - sum(archived) - sum(repeated) - sum(rejected) FROM ledger") == [(0,)]


def test_a_pack_that_is_lost_is_made_again_from_its_files(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "packets"
    folder.mkdir()
    for file in (REAL_PACKETS, *TARBALLS):
        shutil.copy(file, folder)
    filled(settings, folder)
    (pack,) = settings.data_dir.rglob("*.pack")
    whole = pack.read_bytes()
    ids = [identity for (identity,) in rows(settings, "SELECT diasourceid FROM alerts ORDER BY night")]
    before = cutouts_of(settings, ids[-1])
    pack.unlink()
    moved = (folder / TARBALLS[0].name).rename(tmp_path / "away")
    with pytest.raises(PackDamaged, match=rf"made from, .*{TARBALLS[0].name}/.*, but that is not there; put it back"):
        cutouts_of(settings, ids[-1])
    moved.rename(folder / TARBALLS[0].name)
    assert cutouts_of(settings, ids[-1]) == before
    assert pack.read_bytes() == whole
    pack.unlink()
    shutil.copy(TARBALLS[0], folder / TARBALLS[1].name)
    with pytest.raises(PackDamaged, match="cannot be made again"):
        cutouts_of(settings, ids[-1])


def test_a_path_that_is_not_there_is_said_and_archives_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file or folder"):
        filled(settings, tmp_path / "nothing", REAL_PACKETS)
    assert rows(settings, "SELECT count(*) FROM alerts") == [(0,)]
    assert list((settings.data_dir / "cache").iterdir()) == []


def test_tarballs_of_ztf_nights_are_archived_as_they_are(settings: Settings) -> None:
    """Nine packets of eight objects; a second time changes nothing."""
    (first,), rejected = filled(settings, *TARBALLS)
    assert (first.received, first.archived, first.repeated, first.rejected, first.cutouts) == (9, 9, 0, 0, 27)
    assert rejected == []
    before = tables(settings)
    packets = [read(message)[1] for message in real_messages()]
    assert sorted(rows(settings, "SELECT survey, objectid FROM objects")) == sorted({("ztf", packet["objectId"]) for packet in packets})
    assert rows(settings, "SELECT count(*), min(night), max(night), min(survey) FROM alerts") == [(9, 20200201, 20231011, "ztf")]
    detections = {point["candid"] for packet in packets for point in [packet["candidate"], *packet["prv_candidates"]]} - {None}
    assert {row[0] for row in rows(settings, "SELECT diasourceid FROM diasources")} == detections
    points = {
        (packet["objectId"], point["pid"] // 10_000)
        for packet in packets
        for point in [*(packet.get("fp_hists") or []), *packet["prv_candidates"]]
        if point.get("candid") is None
    }
    named = "SELECT objectid, visit FROM diaforcedsources JOIN objects USING (diaobjectid)"
    assert set(rows(settings, named)) == points
    for packet in packets:
        assert cutouts_of(settings, packet["candid"]) == {kind: packet[name]["stampData"] for kind, name in CUTOUTS.items()}

    (second,), _ = filled(settings, *TARBALLS)
    assert (second.archived, second.repeated) == (0, 9)
    assert tables(settings) == before
