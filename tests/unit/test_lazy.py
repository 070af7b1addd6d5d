from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import splanc
from splanc import packet
from splanc.errors import UserError

PACKAGES = [importlib.import_module(f"splanc.{module.name}") for module in pkgutil.iter_modules(splanc.__path__) if module.ispkg]

HEAVY = {"alembic", "numba", "polars", "sqlalchemy"}
"""Each takes longer to load than `splanc --help` may."""


def loaded(program: str) -> set[str]:
    """The heavy modules that a program has loaded when it ends."""
    listing = f"{program}\nimport sys\nprint(*({HEAVY!r} & set(sys.modules)))"
    return set(subprocess.run([sys.executable, "-c", listing], check=True, capture_output=True, text=True).stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded("import typer.main\nfrom splanc.cli import app\ntyper.main.get_command(app)") == set()


def test_looking_at_a_night_loads_nothing_heavy() -> None:
    assert loaded("from splanc.head import read_ledger, read_status, running_services, start_services") == set()


def test_a_node_has_loaded_all_before_it_starts() -> None:
    assert loaded("from splanc.ingest import run_node") == HEAVY - {"alembic"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_is_found_and_hidden_by_no_module(package) -> None:
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert modules & set(package.__all__) == set()
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'splanc\.packet' has no attribute 'Decoderr'"):
        _ = packet.Decoderr
    with pytest.raises(ImportError):
        importlib.import_module("splanc.packet.Decoder")
    assert not hasattr(packet, UserError.__name__)
