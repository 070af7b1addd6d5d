"""Schemas by id: shipped, from a folder, from a registry, from a container."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

import pytest
from typing_extensions import override

from splanc.errors import PacketError, UpstreamError
from splanc.packet import Decoder, encode
from tests.support.packets import RecordMaker, assert_equals_fastavro, messages_of, schema_store

NEW_ID = 1200


def shipped_text(version="11_1"):
    return (resources.files("splanc.packet") / "schemas" / f"lsst.v{version}.json").read_text("utf-8")


def newer_text():
    """A schema version that does not exist: two fields more, one fewer, one record more."""
    schema = json.loads(shipped_text().replace("lsst.v11_1", "lsst.v12_0"))
    source = schema["fields"][3]["type"]["fields"]
    source.insert(5, {"name": "sparkle", "type": ["null", "double"], "default": None})
    del source[-1]
    schema["fields"].insert(1, {"name": "broadcaster", "type": ["null", "string"], "default": None})
    host = {"type": "record", "name": "lsst.v12_0.host", "fields": [{"name": "hostId", "type": "long"}, {"name": "zPhot", "type": ["null", "float"]}]}
    schema["fields"].insert(8, {"name": "hosts", "type": ["null", {"type": "array", "items": host}], "default": None})
    return json.dumps(schema)


class Registry:
    """A schema registry on this machine, which answers as it is told."""

    def __init__(self):
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                registry.asked.append(self.path)
                status, body = registry.answers.get(self.path, (404, json.dumps({"error_code": 40403, "message": "Schema not found"})))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            @override
            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/registry"

    def answer(self, identity, body, status=200):
        self.answers[f"/registry/schemas/ids/{identity}"] = (status, body)

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def schemas(tmp_path):
    """A store of this test's own, to add to."""
    return schema_store(tmp_path / "schemas")


@pytest.fixture
def registry():
    registry = Registry()
    yield registry
    registry.close()


def test_shipped_schemas_need_no_registry(schemas):
    for identity, version in ((704, "7.4"), (900, "9.0"), (1000, "10.0"), (1100, "11.0"), (1101, "11.1")):
        schema = schemas.get(identity)
        assert (schema.id, schema.version, schema.survey.name) == (identity, version, "lsst")
        assert schema.layout is not None
        assert schemas.get(identity) is schema


def test_a_new_version_from_the_registry(registry, tmp_path):
    registry.answer(NEW_ID, json.dumps({"schema": newer_text()}))
    schemas = schema_store(tmp_path / "cache", registry_url=registry.url + "/")
    schema = schemas.get(NEW_ID)
    maker = RecordMaker(schema, 1)
    records = [maker.record() for _ in range(8)]
    batch = Decoder(schemas, 10_000_000).decode(messages_of([encode(schema, record) for record in records]))
    assert batch.rejects == []
    assert_equals_fastavro(batch, schema)
    assert batch.tables["diaSource"].column_names[-1] == "sparkle"
    assert batch.tables["diaSource"]["glint_trail"].null_count == batch.tables["diaSource"].num_rows
    assert batch.alerts.column_names[-1] == "broadcaster"
    assert batch.alerts["broadcaster"].to_pylist() == [record["broadcaster"] for record in records]
    assert batch.tables["hosts"]["hostId"].to_pylist() == [host["hostId"] for record in records for host in record["hosts"] or []]
    assert registry.asked == [f"/registry/schemas/ids/{NEW_ID}"]


def test_the_registry_is_asked_once_a_machine(registry, tmp_path):
    registry.answer(NEW_ID, json.dumps({"schema": newer_text()}))
    schema_store(tmp_path, registry_url=registry.url).get(NEW_ID)
    assert [file.name for file in tmp_path.iterdir()] == [f"{NEW_ID}.json"]
    again = schema_store(tmp_path, registry_url=registry.url).get(NEW_ID)
    assert again.version == "12.0"
    assert len(registry.asked) == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'"string"', b'{"type": "record"}'])
def test_a_damaged_cache_file_is_fetched_again(registry, tmp_path, damage):
    registry.answer(NEW_ID, json.dumps({"schema": newer_text()}))
    (tmp_path / f"{NEW_ID}.json").write_bytes(damage)
    assert schema_store(tmp_path, registry_url=registry.url).get(NEW_ID).version == "12.0"
    assert json.loads((tmp_path / f"{NEW_ID}.json").read_text("utf-8")) == json.loads(newer_text())


def test_an_unknown_id_says_what_to_do(registry, tmp_path):
    with pytest.raises(PacketError, match=r"no registry is set; set schemas\.registry_url") as caught:
        schema_store(tmp_path).get(NEW_ID)
    assert caught.value.kind == "schema"
    schemas = schema_store(tmp_path, registry_url=registry.url)
    for _ in range(3):
        with pytest.raises(PacketError, match=f"schema id {NEW_ID} is not known.*does not have it; register it there"):
            schemas.get(NEW_ID)
    assert len(registry.asked) == 1


@pytest.mark.parametrize(("status", "body"), [(500, "oops"), (503, "{}"), (401, "{}"), (200, "not JSON"), (200, "{}"), (200, "[]")])
def test_a_registry_in_trouble_is_an_upstream_error(registry, tmp_path, status, body):
    registry.answer(NEW_ID, body, status)
    schemas = schema_store(tmp_path, registry_url=registry.url)
    with pytest.raises(UpstreamError, match="the schema registry does not answer"):
        schemas.get(NEW_ID)
    registry.answer(NEW_ID, json.dumps({"schema": newer_text()}))
    assert schemas.get(NEW_ID).version == "12.0"


def test_a_registry_that_is_down_is_an_upstream_error(registry, tmp_path):
    registry.close()
    schemas = schema_store(tmp_path, registry_url=registry.url)
    with pytest.raises(UpstreamError, match="the schema registry does not answer"):
        schemas.get(NEW_ID)
    good = messages_of([encode(schemas.get(1101), RecordMaker(schemas.get(1101), 1).record()), b"\x00\x00\x00\x04\xb0more"])
    with pytest.raises(UpstreamError):
        Decoder(schemas, 10_000_000).decode(good)


def test_schemas_from_a_folder(tmp_path):
    (tmp_path / "lsst.v12_0.json").write_text(newer_text(), "utf-8")
    (tmp_path / "notes.json").write_text("{}", "utf-8")
    assert schema_store(tmp_path / "cache", folder=tmp_path).get(NEW_ID).version == "12.0"


@pytest.mark.parametrize("text", ["{", '"long"', '{"type": "record", "name": "a", "fields": [{"name": "b", "type": "unheard-of"}]}'])
def test_what_is_no_schema(registry, tmp_path, text):
    registry.answer(NEW_ID, json.dumps({"schema": text}))
    with pytest.raises(PacketError, match="is not an Avro schema of a record") as caught:
        schema_store(tmp_path, registry_url=registry.url).get(NEW_ID)
    assert caught.value.kind == "schema"
    assert list(tmp_path.iterdir()) == []


def test_a_schema_of_another_survey(schemas):
    with pytest.raises(PacketError, match="is of no survey that splanc knows"):
        schemas.add('{"type": "record", "name": "ztf.alert", "fields": [{"name": "candid", "type": "long"}]}')


def test_containers_schemas_have_the_id_of_their_name(schemas):
    assert schemas.add(shipped_text("10_0")).id == 1000
    assert schemas.add(newer_text()).id == NEW_ID
    assert schemas.add(newer_text()) is schemas.get(NEW_ID)
    assert schemas.get(NEW_ID).version == "12.0"


def test_a_schema_that_is_not_what_its_name_says_has_an_id_of_its_own(schemas):
    other = schemas.add(newer_text().replace("lsst.v12_0", "lsst.v11_1"))
    nameless = schemas.add(newer_text().replace("lsst.v12_0", "brokers"))
    assert other.id not in {1101, NEW_ID}
    assert nameless.id not in {1101, NEW_ID, other.id}
    assert schemas.get(1101).json == shipped_text()
    assert schemas.get(other.id) is other
    assert nameless.version == ""
