from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from splanc.config import KafkaSettings, Settings
from splanc.errors import UserError
from splanc.kafka import Access, with_credentials
from splanc.kafka._broker_files import BrokerFiles, write_files
from splanc.kafka._users import check_keystore, credentials, described

CERTIFICATE = Path(__file__).resolve().parents[2] / "support" / "localhost.pem"


def settings_of(folder: Path, **kafka: object) -> Settings:
    return Settings(data_dir=folder, kafka=KafkaSettings.model_validate(kafka))


def properties_of(folder: Path, settings: Settings) -> dict[str, str]:
    files = BrokerFiles(folder=folder / "kafka")
    write_files(files, settings.kafka)
    assert files.properties.stat().st_mode & 0o077 == 0
    return dict(line.split("=", 1) for line in files.properties.read_text().splitlines())


def test_without_users_nothing_is_different(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, public_anonymous=True, public_host="broker.example.org")
    assert with_credentials(settings) == settings
    assert not (tmp_path / "kafka").exists()
    properties = properties_of(tmp_path, settings)
    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:29092,CONTROLLER://127.0.0.1:29093"
    assert [name for name in properties if "sasl" in name or "authorizer" in name or "super" in name] == []


def test_users_have_a_listener_of_their_own_and_splanc_a_name(tmp_path: Path) -> None:
    given: dict[str, Any] = {"public_port": 9092, "public_address": "0.0.0.0", "public_host": "broker.example.org"}
    properties = properties_of(tmp_path, with_credentials(settings_of(tmp_path, **given)))
    assert properties["listeners"] == "INTERNAL://127.0.0.1:29092,CONTROLLER://127.0.0.1:29093,USERS://0.0.0.0:9092"
    assert properties["advertised.listeners"] == "INTERNAL://127.0.0.1:29092,USERS://broker.example.org:9092"
    assert "ANONYMOUS" not in properties["super.users"]
    assert "PLAINTEXT" not in {protocol.split(":")[1] for protocol in properties["listener.security.protocol.map"].split(",")}

    properties = properties_of(tmp_path, with_credentials(settings_of(tmp_path, **given, public_anonymous=True, public_keystore=CERTIFICATE)))
    assert properties["listeners"].endswith(",USERS://0.0.0.0:9092,ANYBODY://0.0.0.0:9093")
    protocols = dict(pair.split(":") for pair in properties["listener.security.protocol.map"].split(","))
    assert protocols == {"INTERNAL": "SASL_PLAINTEXT", "CONTROLLER": "SASL_PLAINTEXT", "USERS": "SASL_SSL", "ANYBODY": "PLAINTEXT"}


def test_the_password_of_splancs_own_clients_is_made_once(tmp_path: Path) -> None:
    kafka = KafkaSettings(public_port=9092)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: credentials(kafka, tmp_path / "kafka")["sasl_password"], range(16)))
    assert len({password.get_secret_value() for password in made}) == 1
    assert len(made[0].get_secret_value()) > 40
    assert [path.name for path in (tmp_path / "kafka").iterdir()] == ["secret"]
    assert (tmp_path / "kafka" / "secret").stat().st_mode & 0o077 == 0
    assert with_credentials(settings_of(tmp_path, public_port=9092)).kafka.sasl_password == made[0]
    assert with_credentials(settings_of(tmp_path / "other", public_port=9092)).kafka.sasl_password != made[0]


def test_your_own_kafka_keeps_your_credentials(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, bootstrap_servers="host:9092", public_port=9092, sasl_username="me", sasl_password=SecretStr("mine"))
    assert with_credentials(settings) == settings


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "kafka").write_text("a file stands here")
    with pytest.raises(UserError, match=r"cannot write to .*--data-dir"):
        with_credentials(settings_of(tmp_path, public_port=9092))


def test_the_ways_of_having_users_are_told_apart(tmp_path: Path) -> None:
    ways: list[dict[str, object]] = [
        {},
        {"public_port": 9092},
        {"public_port": 9094},
        {"public_port": 9092, "public_anonymous": True},
        {"public_port": 9092, "public_host": "broker.example.org"},
        {"public_port": 9092, "public_address": "0.0.0.0"},
        {"public_port": 9092, "public_keystore": CERTIFICATE},
    ]
    assert len({tuple(described(settings_of(tmp_path, **way).kafka)) for way in ways}) == len(ways)


@pytest.mark.parametrize("public_port", [29091, 29092, 29093])
def test_ports_may_not_meet(public_port: int) -> None:
    with pytest.raises(ValidationError, match="at least two away from port"):
        KafkaSettings(public_port=public_port)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file"),
        ("-----BEGIN EC PRIVATE KEY-----", "openssl pkcs8 -topk8 -nodes"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "openssl pkcs8 -topk8 -nodes"),
        (CERTIFICATE.read_text().split("-----BEGIN CERTIFICATE")[0], "is not a private key with its certificate"),
    ],
)
def test_a_keystore_that_java_would_not_take_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "keystore.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=told):
        check_keystore(path)
    check_keystore(CERTIFICATE)


def test_access_needs_users() -> None:
    with pytest.raises(UserError, match=r"set kafka\.public_port"):
        Access(KafkaSettings(), "lasair_")


@pytest.mark.parametrize(
    "given",
    [{}, {"sasl_username": "splanc"}, {"security_protocol": "ssl"}, {"security_protocol": "sasl_ssl"}],
    ids=["plain", "a name that is not said", "no certificate", "no name"],
)
def test_access_needs_a_name_for_splanc(given: dict[str, object]) -> None:
    with pytest.raises(UserError, match="has no name on this Kafka"):
        Access(KafkaSettings.model_validate({"bootstrap_servers": "host:9092", **given}), "lasair_")


@pytest.mark.parametrize(
    ("given", "keeps"),
    [
        ({}, False),
        ({"public_port": 9092}, True),
        ({"manage_acls": True}, False),
        ({"bootstrap_servers": "host:9092", "public_port": 9092}, False),
        ({"bootstrap_servers": "host:9092", "manage_acls": True}, True),
    ],
)
def test_whether_rights_are_splancs_to_give(given: dict[str, object], keeps: bool) -> None:
    assert KafkaSettings.model_validate(given).keeps_access is keeps
