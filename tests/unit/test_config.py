from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from splanc.config import Settings, load_settings
from splanc.errors import UserError

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SPLANC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write `splanc.toml` into the data directory."""

    def write(text: str) -> Path:
        (tmp_path / "splanc.toml").write_text(text)
        return tmp_path

    return write


def test_without_file_and_variables_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.model_dump() == Settings(data_dir=tmp_path).model_dump()
    assert (settings.kafka.bootstrap_servers, settings.archive.dsn) == (None, None)


def test_variables_go_before_the_file_field_by_field(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("[kafka]\ngroup = 'of the file'\nport = 1111\n[ingest]\nbatch_alerts = 7\n")
    monkeypatch.setenv("SPLANC_KAFKA__PORT", "2222")
    monkeypatch.setenv("SPLANC_KAFKA__INPUT_TOPICS", '["a", "b"]')
    settings = load_settings(folder)
    assert (settings.kafka.group, settings.kafka.port, settings.kafka.input_topics) == ("of the file", 2222, ("a", "b"))
    assert settings.ingest.batch_alerts == 7


def test_the_data_directory_is_the_options_then_the_variables_then_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    option, variable, file = (tmp_path / name for name in ("option", "variable", "file"))
    config = tmp_path / "splanc.toml"
    config.write_text(f"data_dir = '{file}'\n")
    assert load_settings(config=config).data_dir == file
    monkeypatch.setenv("SPLANC_DATA_DIR", str(variable))
    assert load_settings(config=config).data_dir == variable
    assert load_settings(option, config).data_dir == option


def test_a_data_directory_given_as_an_option_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("here")).data_dir == tmp_path / "here"


def test_the_file_is_the_options_then_the_variables_then_that_of_the_data_directory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("[kafka]\ngroup = 'data directory'\n")
    by_option, by_variable = folder / "option.toml", folder / "variable.toml"
    by_option.write_text("[kafka]\ngroup = 'option'\n")
    by_variable.write_text("[kafka]\ngroup = 'variable'\n")
    assert load_settings(folder).kafka.group == "data directory"
    monkeypatch.setenv("SPLANC_CONFIG", str(by_variable))
    assert load_settings(folder).kafka.group == "variable"
    assert load_settings(folder, by_option).kafka.group == "option"
    monkeypatch.delenv("SPLANC_CONFIG")
    monkeypatch.setenv("SPLANC_DATA_DIR", str(folder))
    assert load_settings().kafka.group == "data directory"


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_file_that_is_asked_for_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    missing = tmp_path / "missing.toml"
    if way == "variable":
        monkeypatch.setenv("SPLANC_CONFIG", str(missing))
    with pytest.raises(UserError, match=r"no configuration file .*missing\.toml; create it"):
        load_settings(tmp_path, missing if way == "option" else None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kafka = ?", ["is not valid TOML", "line 1, column 9"]),
        ("[kafka]\nbogus = 1", ["kafka.bogus: Extra inputs are not permitted", "1"]),
        ("[bogus]\nx = 1", ["bogus: Extra inputs are not permitted"]),
        ("kafka = 5", ["kafka: Input should be a valid dictionary", "5"]),
        ("[kafka]\nport = 'many'", ["kafka.port: Input should be a valid integer", "'many'"]),
        ("[kafka]\nport = 0", ["kafka.port: Input should be greater than or equal to 1"]),
        ("[kafka]\ninput_topics = 'alone'", ["kafka.input_topics: Input should be a valid tuple"]),
        ("[kafka]\nsecurity_protocol = 'none'", ["kafka.security_protocol: String should match"]),
        ("[ingest]\nbatch_seconds = 0.0\nrestarts = -1", ["ingest.batch_seconds: Input should be greater than 0", "ingest.restarts: Input should be"]),
        ('[filters]\nformat = "avro"', ['all: Value error, filters.format = "avro" needs a schema registry: set schemas.registry_url (given: not shown)']),
        ("[cache]\nmax_bytes = 1000", ["cache.max_bytes: Input should be greater than or equal to 1048576"]),
    ],
)
def test_what_is_wrong_in_the_file_is_named(write: Write, text: str, said: list[str]) -> None:
    folder = write(text)
    with pytest.raises(UserError) as caught:
        load_settings(folder)
    assert str(folder / "splanc.toml") in str(caught.value)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SPLANC_KAFKA__PORT", "many", r"kafka\.port: Input should be a valid integer.*'many'"),
        ("SPLANC_KAFKA__BOGUS", "1", r"kafka\.bogus: Extra inputs are not permitted"),
        ("SPLANC_CACHE__MAX_BYTES", "4 GB", r"cache\.max_bytes: .*'4 GB'"),
    ],
)
def test_what_is_wrong_in_a_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=said):
        load_settings(tmp_path)


def test_secrets_are_masked_wherever_settings_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "SPLANC_KAFKA__SASL_PASSWORD": "hush-one",
        "SPLANC_KAFKA__SSL_KEY_PASSWORD": "hush-two",
        "SPLANC_ARCHIVE__DSN": "postgresql://user:hush-three@host/database",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(tmp_path)
    assert settings.archive.dsn is not None
    assert settings.archive.dsn.get_secret_value() == secrets["SPLANC_ARCHIVE__DSN"]
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump(mode="json"))):
        assert "hush" not in shown
        assert "**********" in shown


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        settings.data_dir = tmp_path / "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.kafka.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(("name", "value"), [("SPLANC_KAFKA__INPUT_TOPICS", "alone"), ("SPLANC_KAFKA", "not JSON")])
def test_a_variable_that_is_no_json_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r'SPLANC_… variable cannot be read: .*"kafka".*JSON'):
        load_settings(tmp_path)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "splanc.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"splanc\.toml is not valid TOML"):
        load_settings(tmp_path)


@pytest.mark.parametrize("text", ["[kafka]\nsasl_password = 5318008", "[bogus]\npassword = '5318008'", "[kafka]\nssl_key_password = [5318008]"])
def test_an_error_does_not_show_what_may_be_a_secret(write: Write, text: str) -> None:
    folder = write(text)
    with pytest.raises(UserError, match="not shown") as caught:
        load_settings(folder)
    assert "5318008" not in str(caught.value)


@pytest.mark.parametrize("address", ["10.0.0.5:29110", "classifier-1.example.org:80", "[::1]:29110"])
def test_classifier_servers_are_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("SPLANC_CROSSMATCH__SERVERS", json.dumps([address]))
    assert load_settings(tmp_path).crossmatch.servers == (address,)


@pytest.mark.parametrize("address", ["", "host", "host:", "grpc://host:1", "a b:1", "::1:29110", "host:port"])
def test_what_is_no_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("SPLANC_CROSSMATCH__SERVERS", json.dumps([address]))
    with pytest.raises(UserError, match=r"crossmatch\.servers\.0") as raised:
        load_settings(tmp_path)
    assert repr(address) in str(raised.value)
