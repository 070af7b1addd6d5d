from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from splanc.crossmatch.service import CachedClassifier, Health, Holds
from splanc.crossmatch.service._http import http_app
from splanc.errors import UpstreamError
from splanc.metrics import Metrics
from tests.support.whole_degrees import Whole, places_of

MATCH = {"transient_object_id": "query0", "rank": 1, "association_type": "VS", "catalogue_table_name": "whole", "catalogue_object_id": "star 10 -5"}
"""The beginning of a match."""


@pytest.fixture(scope="module")
def client():
    metrics = Metrics()
    cached = CachedClassifier(Whole(), None, holds=Holds(arcsec=0.05, days=30.0), max_bytes=0, metrics=metrics)
    health = Health(version="7", software="0.1", catalogues={"whole": "7"})

    def places(names):
        if "away" in names:
            raise UpstreamError("the archive's PostgreSQL: gone")
        return places_of(names)

    with TestClient(http_app(cached, health, metrics, places)) as client:
        yield client


def test_a_position(client) -> None:
    answer = client.get("/position", params={"ra": 10.0, "dec": -5.0})
    assert answer.status_code == 200
    said = answer.json()
    assert said["classifications"] == {"query0": ["VS", "The nearest is <em>star 10 -5</em>."]}
    (match,) = said["crossmatches"]
    assert match.items() >= MATCH.items()
    full = client.get("/position", params={"ra": 10.0, "dec": -5.0, "lite": "false"}).json()
    assert full["classifications"] == said["classifications"]
    assert [match["rank"] for match in full["crossmatches"]] == [1, 2]


def test_a_position_with_nothing_near(client) -> None:
    said = client.get("/position", params={"ra": 10.5, "dec": -5.0}).json()
    assert said["classifications"]["query0"][0] == "ORPHAN"
    assert said["crossmatches"] == []


def test_objects_by_name(client) -> None:
    said = client.get("/object/5, 6").json()
    assert said["classifications"] == {name: ["VS", f"The nearest is <em>star {name} 0</em>."] for name in ("5", "6")}
    assert [match["transient_object_id"] for match in said["crossmatches"]] == ["5", "6"]


def test_named_positions(client) -> None:
    said = client.get("/query", params={"name": "a,b", "ra": "10, 20.5", "dec": "-5,0", "lite": "true"}).json()
    assert {name: kind for name, (kind, _) in said["classifications"].items()} == {"a": "VS", "b": "ORPHAN"}
    assert [match["transient_object_id"] for match in said["crossmatches"]] == ["a"]


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("/position?ra=10", 400, ["dec is missing"]),
        ("/position", 400, ["ra is missing", "dec is missing"]),
        ("/position?ra=x&dec=0", 400, ["ra: ", "'x'"]),
        ("/position?ra=nan&dec=0", 400, ["query0: ra nan", "not on the sky"]),
        ("/position?ra=0&dec=91", 400, ["dec 91", "not on the sky"]),
        ("/position?ra=0&dec=0&lite=maybe", 400, ["lite: ", "'maybe'"]),
        ("/object/999", 404, ["no object 999"]),
        ("/object/5,999,1000", 404, ["no object 999, 1000"]),
        ("/object/xyz", 400, ["'xyz'"]),
        ("/object/5,,6", 400, ["names: an empty value", "'5,,6'"]),
        ("/object/away", 503, ["PostgreSQL: gone"]),
        ("/query?name=a&ra=1,2&dec=0", 400, ["1, 2 and 1"]),
        ("/query?name=a&ra=b&dec=0", 400, ["ra: 'b'"]),
        ("/query?name=a&ra=1&dec=-100", 400, ["a: ra 1, dec -100"]),
        ("/query?name=a,a&ra=1,2&dec=0,0", 400, ["'a' stands there twice"]),
        (f"/query?name=a&ra={','.join(['1'] * 1001)}&dec=0", 400, ["ra: 1001 values", "1000 at most"]),
        ("/nothing", 404, ["Not Found"]),
    ],
)
def test_bad_questions_are_told_what_is_wrong(client, address, code, words) -> None:
    answer = client.get(address)
    assert answer.status_code == code
    assert all(word in answer.text for word in words), answer.text


def test_health_and_metrics(client) -> None:
    assert client.get("/health").json() == {"version": "7", "software_version": "0.1", "catalogues": {"whole": "7"}}
    assert "splanc_classify_cache_hits_total 0.0" in client.get("/metrics").text
