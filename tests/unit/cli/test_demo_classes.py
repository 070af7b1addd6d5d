from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from splanc.cli._demo_classes import install_catalogues
from splanc.config import CrossmatchSettings, Settings
from splanc.crossmatch import catalogues
from splanc.errors import UserError


def told(settings: Settings) -> str:
    console = Console(file=io.StringIO(), width=200)
    install_catalogues(settings, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the packages that the demo's catalogues come in."""

    def refuse(_folder: Path) -> None:
        raise UserError("the demo's catalogues come in packages that are not installed; install them: pip install pyongc")

    monkeypatch.setattr(catalogues, "install_demo", refuse)


def test_without_the_packages_the_demo_goes_on_and_says_so(tmp_path: Path, lacking: None) -> None:
    assert told(Settings(data_dir=tmp_path)) == (
        "objects will have no class: the demo's catalogues come in packages that are not installed; install them: pip install pyongc\n"
    )


def test_where_there_are_catalogues_or_servers_nothing_is_installed(tmp_path: Path, lacking: None) -> None:
    (tmp_path / "catalogues" / "mine").mkdir(parents=True)
    assert told(Settings(data_dir=tmp_path)) == ""
    assert told(Settings(data_dir=tmp_path / "other", crossmatch=CrossmatchSettings(servers=("a:1",)))) == ""
