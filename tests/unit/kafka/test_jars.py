from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from splanc.errors import UpstreamError
from splanc.kafka import _jars
from splanc.kafka._jars import Jar, fetch_jars, locked_jars

GOOD = b"the jar that was pinned"
BAD = b"another jar, same size!"


@pytest.fixture
def jar() -> Jar:
    return Jar(group="org.example.one", artifact="thing", version="1.2", sha256=hashlib.sha256(GOOD).hexdigest(), size=len(GOOD))


@pytest.fixture
def mirror(jar: Jar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of the jar in a mirror that is a folder; it is empty yet, as is the cache."""
    monkeypatch.setattr(_jars, "locked_jars", lambda: [jar])
    monkeypatch.setattr(_jars, "_PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setenv("SPLANC_JARS", str(tmp_path / "cache"))
    monkeypatch.setenv("SPLANC_MAVEN_URL", (tmp_path / "mirror").as_uri() + "/")
    place = tmp_path / "mirror" / "org" / "example" / "one" / "thing" / "1.2" / "thing-1.2.jar"
    place.parent.mkdir(parents=True)
    return place


def test_the_lock_pins_one_kafka() -> None:
    jars = locked_jars()
    assert len({jar.name for jar in jars}) == len(jars) == 46
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.1"}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)


def test_a_jar_is_fetched_once(mirror: Path, tmp_path: Path) -> None:
    mirror.write_bytes(GOOD)
    assert fetch_jars() == [tmp_path / "cache" / "thing-1.2.jar"]
    mirror.unlink()
    assert fetch_jars()[0].read_bytes() == GOOD
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["thing-1.2.jar"]


@pytest.mark.parametrize("damaged", [b"", GOOD[:-1], BAD])
def test_a_damaged_jar_is_fetched_again(mirror: Path, tmp_path: Path, damaged: bytes) -> None:
    mirror.write_bytes(GOOD)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "thing-1.2.jar").write_bytes(damaged)
    assert fetch_jars()[0].read_bytes() == GOOD


def test_another_jar_is_refused(mirror: Path, tmp_path: Path) -> None:
    mirror.write_bytes(BAD)
    with pytest.raises(UpstreamError, match=r"thing-1\.2\.jar is not the .* sha256 should be .*SPLANC_MAVEN_URL"):
        fetch_jars()
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_network_says_what_to_do(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("SPLANC_MAVEN_URL", address)
        with pytest.raises(UpstreamError, match=f"cannot fetch thing-1.2.jar from {address}: .*connect to the network, or name a mirror in SPLANC_MAVEN_URL"):
            fetch_jars()


def test_a_second_try_helps(mirror: Path, jar: Jar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def download(url: str, jar: Jar, folder: Path) -> None:
        tries.append(url)
        if len(tries) < 3:
            raise TimeoutError
        (folder / jar.name).write_bytes(GOOD)

    monkeypatch.setattr(_jars, "_download", download)
    fetch_jars()
    assert tries == [mirror.as_uri()] * 3
