from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from splanc.cli import app
from splanc.cli._packets import batches_of, records_of
from splanc.config import Settings
from splanc.errors import PacketError
from splanc.packet import Batch
from tests.support.packets import REAL_PACKETS, nan_to_none, real_records

CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")


@pytest.fixture(scope="module", autouse=True)
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    def refuse(error: PacketError) -> None:
        raise error

    (batch,) = batches_of([REAL_PACKETS], Settings(data_dir=tmp_path_factory.mktemp("data")), refuse)
    return batch


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record of the survey's without times, under our names."""
    return {("decl" if name == "dec" else name): nan_to_none(value) for name, value in record.items() if not name.startswith("time")}


def same(found: dict[str, Any] | None, expected: dict[str, Any] | None) -> bool:
    if found is None or expected is None:
        return found is None and expected is None
    return all(found[name] == value for name, value in plain(expected).items())


def test_real_packets_are_nested_as_the_survey_nests_them(batch: Batch) -> None:
    records = list(records_of(batch, history=True))
    real = real_records()
    assert len(records) == len(real) == 27
    for found, expected in zip(records, real, strict=True):
        for name in ("diaSource", "diaObject", "ssSource"):
            assert same(found[name], expected[name]), name
        for name in ("prvDiaSources", "prvDiaForcedSources"):
            assert len(found[name]) == len(expected[name] or [])
            assert all(same(one, other) for one, other in zip(found[name], expected[name] or [], strict=True)), name
        for name in CUTOUTS:
            assert found[f"{name}Bytes"] == (None if expected[name] is None else len(expected[name]))
            assert name not in found


def test_without_history_only_its_length_is_told(batch: Batch) -> None:
    for found, expected in zip(records_of(batch, history=False), real_records(), strict=True):
        assert "prvDiaSources" not in found
        assert found["nPrvDiaSources"] == len(expected["prvDiaSources"] or [])
        assert found["nPrvDiaForcedSources"] == len(expected["prvDiaForcedSources"] or [])


def test_jsonl_is_a_line_an_alert(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["packet", "show", str(REAL_PACKETS), "--format", "jsonl", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["diaSourceId"] for line in lines] == [record["diaSource"]["diaSourceId"] for record in real_records()]
    assert "message" not in lines[0]


def test_what_cannot_be_read_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    torn = tmp_path / "torn.avro"
    torn.write_bytes(b"\0\0\0\4\x4dtoo short")
    result = CliRunner().invoke(app, ["packet", "show", str(torn), str(REAL_PACKETS), "--format", "jsonl", "--data-dir", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 27
    assert result.stderr.count("splanc: ") == 1
    assert str(torn) in result.stderr


def test_a_file_that_is_not_there_is_exit_code_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["packet", "show", str(tmp_path / "nothing"), "--data-dir", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no file or folder" in result.stderr


def test_the_table_shows_ids_in_full(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["packet", "show", str(REAL_PACKETS), "--data-dir", str(tmp_path)])
    assert result.exit_code == 0
    assert {str(record["diaSource"]["diaSourceId"]) for record in real_records()} <= set(result.stdout.split())
    assert "…" not in result.stdout
