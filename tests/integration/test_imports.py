"""What commands and nodes have loaded, looked at in processes of their own."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"alembic", "matplotlib", "numba", "polars", "sqlalchemy"}
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
    assert loaded("from splanc.ingest import run_node") == HEAVY - {"alembic", "matplotlib"}
