"""Packets from files, folders and tarballs."""

from __future__ import annotations

import io
import tarfile

import fastavro
import pytest

from splanc.errors import UserError
from splanc.packet import Decoder, encode, read_files
from tests.support.packets import REAL_PACKETS, RecordMaker, as_rows, assert_equals_fastavro, messages_of, real_records, schema_store
from tests.support.ztf import TARBALLS, real_messages
from tests.support.ztf import container as container_of
from tests.support.ztf import read as read_packet


@pytest.fixture
def schemas(tmp_path_factory):
    """A store of this test's own, to add to."""
    return schema_store(tmp_path_factory.mktemp("schemas"))


@pytest.fixture
def errors():
    return []


@pytest.fixture
def read(schemas, errors):
    return lambda *paths: list(read_files(paths, schemas, on_error=errors.append))


def container(path, schema, records, **options):
    with path.open("wb") as file:
        fastavro.writer(file, schema.parsed, records, **options)


def test_the_real_container(schemas, decoder, read, errors):
    (messages,) = read(REAL_PACKETS)
    assert errors == []
    assert len(messages) == 27
    assert set(messages.topics) == {str(REAL_PACKETS)}
    assert messages.offsets.tolist() == list(range(27))
    assert set(messages.partitions.tolist()) == {-1}
    batch = decoder.decode(messages)
    assert batch.rejects == []
    assert_equals_fastavro(batch, schemas.get(1000))
    assert list(messages.values) == [encode(schemas.get(1000), record) for record in real_records()]


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize("sync_interval", [1, 3000, 10**6])
def test_codecs_and_blocks(tmp_path, schemas, read, codec, sync_interval):
    schema = schemas.get(704)
    maker = RecordMaker(schema, 2)
    records = [maker.record() for _ in range(9)]
    container(tmp_path / "a.avro", schema, records, codec=codec, sync_interval=sync_interval)
    (messages,) = read(tmp_path / "a.avro")
    assert list(messages.values) == [encode(schema, record) for record in records]


def test_folders_are_read_with_all_below_in_order(tmp_path, schemas, read, errors):
    schema = schemas.get(1101)
    values = [encode(schema, RecordMaker(schema, seed).record()) for seed in range(4)]
    (tmp_path / "night" / "a").mkdir(parents=True)
    (tmp_path / "night" / "b.packet").write_bytes(values[1])
    (tmp_path / "night" / "a" / "z.packet").write_bytes(values[0])
    (tmp_path / "night" / "README").write_text("not a packet", "utf-8")
    with tarfile.open(tmp_path / "night" / "c.tar.gz", "w:gz") as tarball:
        for number in (2, 3):
            member = tarfile.TarInfo(f"x/{number}.packet")
            member.size, member.mtime = len(values[number]), 1_767_150_000
            tarball.addfile(member, io.BytesIO(values[number]))
    (messages,) = read(tmp_path / "night")
    assert errors == []
    assert list(messages.values) == values
    assert [topic.removeprefix(str(tmp_path)) for topic in messages.topics] == [
        "/night/a/z.packet", "/night/b.packet", "/night/c.tar.gz/x/2.packet", "/night/c.tar.gz/x/3.packet"
    ]  # fmt: skip
    assert messages.timestamps_ms[2:].tolist() == [1_767_150_000_000] * 2


def test_chunks(tmp_path, schemas, read):
    schema = schemas.get(1101)
    packet = encode(schema, RecordMaker(schema, 3).record() | dict.fromkeys(("prvDiaSources", "prvDiaForcedSources")))
    for number in range(1001):
        (tmp_path / f"{number:04}.packet").write_bytes(packet)
    assert [len(messages) for messages in read(tmp_path)] == [1000, 1]


def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path, schemas, read, errors):
    schema = schemas.get(1101)
    records = [RecordMaker(schema, seed).record() for seed in range(3)]
    container(tmp_path / "a.avro", schema, records)
    whole = (tmp_path / "a.avro").read_bytes()
    (tmp_path / "b.avro").write_bytes(whole[:-300])
    (tmp_path / "c.avro").write_bytes(b"not avro at all")
    (tmp_path / "d.avro").write_bytes(b"Obj\x01")
    (tmp_path / "e.tar").write_bytes(b"not a tarball")
    (tmp_path / "f.tar.gz").write_bytes(b"\x1f\x8b\x08\x00 broken")
    container(tmp_path / "g.avro", schema, records)
    (messages,) = read(tmp_path)
    assert [topic[-6] for topic in messages.topics] == ["a", "a", "a", "g", "g", "g"]
    assert [(error.topic[-6:].strip("/"), error.kind) for error in errors] == [
        ("b.avro", "file"), ("c.avro", "file"), ("d.avro", "file"), ("e.tar", "file"), ("tar.gz", "file")
    ]  # fmt: skip
    assert "b.avro" in str(errors[0])


def test_a_foreign_container(tmp_path, read, errors, decoder):
    foreign = fastavro.parse_schema({"type": "record", "name": "other", "fields": [{"name": "a", "type": "int"}]})
    for name, records in {"x": [{"a": 1}, {"a": 2}], "y": [{"a": 1}]}.items():
        with (tmp_path / f"{name}.avro").open("wb") as file:
            fastavro.writer(file, foreign, records)
    assert read(tmp_path / "x.avro") == []
    assert [(error.kind, error.topic) for error in errors] == [("schema", str(tmp_path / "x.avro"))]
    (messages,) = read(tmp_path / "y.avro")
    ((_, error),) = decoder.decode(messages).rejects
    assert (error.kind, error.topic) == ("schema", str(tmp_path / "y.avro"))


def test_tarballs_of_ztf_are_its_messages(read, errors):
    (messages,) = read(*TARBALLS)
    assert errors == []
    assert list(messages.values) == real_messages()
    assert messages.topics[0] == f"{TARBALLS[0]}/1127495406315015005.avro"
    assert messages.offsets.tolist() == [0] * 9


def test_a_compressed_container_of_ztf(tmp_path, schemas, read, errors):
    """As a message it would be refused; as a file it is read."""
    real = real_messages()[4]
    (tmp_path / "a.avro").write_bytes(container_of(*read_packet(real), codec="deflate"))
    (messages,) = read(tmp_path / "a.avro")
    batch = Decoder(schemas, 10_000_000).decode(messages)
    assert (errors, batch.rejects) == ([], [])
    assert as_rows(batch.tables["diaSource"]) == as_rows(Decoder(schemas, 10_000_000).decode(messages_of([real])).tables["diaSource"])


def test_a_container_that_misnames_its_schema(tmp_path, schemas, decoder, read):
    """Same name as a shipped schema, another content: it must be read by its own."""
    shipped = schemas.get(1000)
    altered = dict(shipped.parsed) | {"fields": [field for field in shipped.parsed["fields"] if field["name"] != "target_name"]}
    path = tmp_path / "altered.avro"
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema({key: value for key, value in altered.items() if not key.startswith("__")}), real_records())
    (messages,) = read(path)
    batch = decoder.decode(messages)
    assert batch.rejects == []
    assert 1000 not in batch.alerts["schemaId"].to_pylist()
    assert batch.alerts["diaSourceId"].to_pylist() == [record["diaSourceId"] for record in real_records()]
    assert batch.alerts["target_name"].null_count == 27


def test_a_missing_path_is_the_users_fault(tmp_path, read):
    with pytest.raises(UserError, match="no file or folder"):
        read(tmp_path / "nothing.avro")
