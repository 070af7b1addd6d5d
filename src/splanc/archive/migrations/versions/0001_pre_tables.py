"""The first tables."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
STAGE = "pre"
"""When to run it: before (`pre`) or after (`post`) the new code."""


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(Path(__file__).with_name("0001_pre_tables.sql").read_text("utf-8"))
