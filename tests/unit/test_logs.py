from __future__ import annotations

import io
import json
import sys
from datetime import datetime
from typing import Any

import pytest
import structlog

from splanc.logs import configure_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(**options: bool) -> None:
    configure_logs(**options)
    log = structlog.get_logger()
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("an event", n=level)


def lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({}, ["info", "warning", "error"]),
        ({"verbose": True}, ["debug", "info", "warning", "error"]),
        ({"quiet": True}, ["warning", "error"]),
    ],
)
def test_levels(capsys: pytest.CaptureFixture[str], options: dict[str, bool], levels: list[str]) -> None:
    logged(**options)
    lines = lines_on_stderr(capsys)
    assert [line["level"] for line in lines] == levels
    assert [line["n"] for line in lines] == levels
    assert {line["event"] for line in lines} == {"an event"}


def test_a_line_is_json_with_the_time_in_utc_what_is_bound_and_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    with structlog.contextvars.bound_contextvars(node="node-1"):
        try:
            int("the cause")
        except ValueError:
            structlog.get_logger().exception("it failed", offset=2**63 - 1)
    (line,) = lines_on_stderr(capsys)
    assert (line["node"], line["offset"], line["level"]) == ("node-1", 2**63 - 1, "error")
    assert datetime.fromisoformat(line["timestamp"]).utcoffset().total_seconds() == 0
    assert line["exception"].endswith("ValueError: invalid literal for int() with base 10: 'the cause'")


def test_on_a_terminal_a_line_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    logged(quiet=True)
    first, second = terminal.getvalue().splitlines()
    assert "an event" in first
    assert not first.startswith("{")
    assert "error" in second
