"""The blob store speaks S3 over a real socket: uploads in parts, ranges, refusals, outages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from splanc.archive import BlobStore, PackDamaged
from splanc.errors import UpstreamError, UserError
from tests.integration.blobs.s3 import S3

NAME = "20251230/node-1.pack"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    with S3() as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3.port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield s3


@pytest.fixture
def pack(tmp_path: Path) -> tuple[Path, bytes]:
    data = np.random.default_rng(1).bytes(12_000_000)
    path = tmp_path / "local.pack"
    path.write_bytes(data)
    return path, data


def test_a_pack_is_moved_read_listed_and_deleted(s3: S3, pack: tuple[Path, bytes]) -> None:
    path, data = pack
    blobs = BlobStore("s3://bucket/packs")
    blobs.put_pack(path, NAME)
    assert not path.exists()
    assert s3.objects == {f"packs/{NAME}": data}
    assert sum("partNumber" in request for request in s3.requests) == 2
    blobs.put_pack(path, NAME)
    assert blobs.get_range(NAME, 5_000_000, 7) == data[5_000_000:5_000_007]
    assert blobs.head(NAME).size_bytes == 12_000_000
    assert [(blob.name, blob.size_bytes) for blob in blobs.list("20251230")] == [(NAME, 12_000_000)]
    with pytest.raises(PackDamaged, match="torn: it has 12000000 bytes"):
        blobs.get_range(NAME, 12_000_000, 1)
    with pytest.raises(PackDamaged, match="torn: it has 12000000 bytes"):
        blobs.get_range(NAME, 11_999_999, 2)
    blobs.delete(NAME)
    assert s3.objects == {}
    with pytest.raises(PackDamaged, match="not in the blob store s3://bucket/packs"):
        blobs.head(NAME)


def test_a_store_that_says_no_checksum_is_read_back(s3: S3, tmp_path: Path) -> None:
    path = tmp_path / "local.pack"
    path.write_bytes(b"0123456789")
    s3.forgets = 9
    with pytest.raises(PackDamaged, match="the store has other bytes than were uploaded"):
        BlobStore("s3://bucket").put_pack(path, NAME)
    assert path.read_bytes() == b"0123456789"
    s3.forgets = None
    BlobStore("s3://bucket").put_pack(path, NAME)
    assert s3.objects == {NAME: b"0123456789"}
    assert not path.exists()


def test_a_short_outage_is_ridden_out(s3: S3, pack: tuple[Path, bytes]) -> None:
    path, data = pack
    s3.failures = 2
    BlobStore("s3://bucket").put_pack(path, NAME)
    assert s3.objects == {NAME: data}


def test_refused_credentials(s3: S3, pack: tuple[Path, bytes]) -> None:
    path, _ = pack
    s3.failure, s3.failures = 403, 1000
    with pytest.raises(UpstreamError, match=r"blob store s3://bucket, .*403.*; check that it is up and that its credentials are set"):
        BlobStore("s3://bucket").put_pack(path, NAME)
    assert path.exists()
    assert s3.objects == {}


def test_an_outage_ends_in_time_for_a_node_to_stop(s3: S3, pack: tuple[Path, bytes]) -> None:
    path, _ = pack
    blobs = BlobStore("s3://bucket")
    s3.stop()
    started = time.monotonic()
    with pytest.raises(UpstreamError, match="blob store s3://bucket"):
        blobs.put_pack(path, NAME)
    assert time.monotonic() - started < 10
    assert path.exists()


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    with pytest.raises(UserError, match=r"blobs\.url: 's3://bucket' .* Missing SecretAccessKey"):
        BlobStore("s3://bucket")
