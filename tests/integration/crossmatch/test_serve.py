"""The command that serves, with a catalogue, asked by HTTP and by other commands."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import numpy as np
import psycopg
import pyarrow as pa
import pytest
from fastapi import FastAPI

from splanc.cli._names import places_of
from splanc.config import load_settings
from splanc.crossmatch.service import open_classifier
from splanc.crossmatch.service._serve import _flight, _http
from splanc.errors import UpstreamError, UserError
from tests.support.catalogues import on_shelf, sources
from tests.support.classifier_servers import wait_until

N_STARS = 5000


@pytest.fixture(scope="module")
def stars():
    return sources(N_STARS, kind=["star"] * N_STARS, type=["STAR"] * N_STARS, mag=pa.array(np.full(N_STARS, 17.0), pa.float32()))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, stars) -> Path:
    folder = tmp_path_factory.mktemp("data")
    on_shelf(folder / "catalogues", "gaia_dr3", stars)
    return folder


@pytest.fixture(scope="module")
def serving(data_dir):
    """A server: its Flight address, and the root of its HTTP addresses; at the end it is stopped as an operator does."""
    log = data_dir / "serve.log"
    command = [sys.executable, "-m", "splanc", "classify", "serve", "--port", "0", "--http-port", "0", "--data-dir", str(data_dir)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)

    def started() -> list[dict]:
        assert process.poll() is None, log.read_text()
        lines = [line for line in log.read_text().splitlines(keepends=True) if line.startswith("{") and line.endswith("}\n")]
        return [one for one in map(json.loads, lines) if one["event"] == "classifier server started"]

    try:
        wait_until(started, "the server starts", 110)
        (said,) = started()
        assert list(said["catalogues"]) == ["gaia_dr3"]
        yield said["flight"], f"http://{said['http']}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, log.read_text()
        assert '"classifier server stopped"' in log.read_text()
    finally:
        process.kill()
        process.wait()


def test_people_and_commands_and_nodes_hear_the_same(serving, data_dir, stars, tmp_path) -> None:
    address, root = serving
    ra, dec = (np.asarray(stars[name]) for name in ("ra", "dec"))
    by_http = httpx2.get(f"{root}/position", params={"ra": ra[7], "dec": dec[7]}).json()
    assert by_http["classifications"]["query0"][0] == "VS"
    assert by_http["crossmatches"][0]["catalogue_object_id"] == "7"

    environment = {**os.environ, "SPLANC_CROSSMATCH__SERVERS": json.dumps([address])}
    command = [sys.executable, "-m", "splanc", "classify", str(ra[7]), str(dec[7]), "--json", "--lite", "--data-dir", str(tmp_path)]
    by_command = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert json.loads(by_command)["classifications"] == by_http["classifications"]

    away = open_classifier(load_settings(tmp_path).model_copy(update={"crossmatch": load_settings().crossmatch.model_copy(update={"servers": (address,)})}))
    here = open_classifier(load_settings(data_dir))
    ids, mjd = np.arange(1, N_STARS + 1), np.full(N_STARS, 61000.0)
    for one in (away, here):
        assert set(one.classify_objects(ids, ra, dec, mjd)["classification"].to_pylist()) == {"VS"}
    assert away.classify_objects(ids, ra, dec, mjd).equals(here.classify_objects(ids, ra, dec, mjd))
    assert away.version == here.version == httpx2.get(f"{root}/health").json()["version"]
    away.close()
    here.close()


def test_names_need_an_archive(serving) -> None:
    answer = httpx2.get(f"{serving[1]}/object/5")
    assert (answer.status_code, "no archive runs" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("listen", "option"), [(lambda port: _flight(None, None, "127.0.0.1", port), "--port"), (lambda port: _http(FastAPI(), "127.0.0.1", port), "--http-port")]
)
def test_a_port_in_use_is_told(listen, option) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}.*{option}"), listen(port):
            pass


def test_names_are_looked_up_in_the_archive(archive_dsn, monkeypatch, tmp_path) -> None:
    with psycopg.connect(archive_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO objects (diaobjectid, ra, decl, lastdiasourcemjdtai) VALUES (5, 10, -5, 61000), (4611686163012821968, 20, 1, NULL), (7, NULL, NULL, 1)"
        )
    monkeypatch.setenv("SPLANC_ARCHIVE__DSN", archive_dsn)
    places = places_of(load_settings(tmp_path))
    found = places(["5", "ZTF18abcdefg", "6", "7"])
    assert list(found) == ["5", "ZTF18abcdefg"]
    assert found["5"] == (10.0, -5.0, 61000.0)
    assert found["ZTF18abcdefg"][:2] == (20.0, 1.0)
    assert np.isnan(found["ZTF18abcdefg"][2])
    for name in ("x", "0", "1.5", str(2**63), "ZTF18"):
        with pytest.raises(UserError, match="neither a diaObjectId"):
            places([name])
    monkeypatch.setenv("SPLANC_ARCHIVE__DSN", "postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(UpstreamError, match="PostgreSQL"):
        places_of(load_settings(tmp_path))(["5"])
