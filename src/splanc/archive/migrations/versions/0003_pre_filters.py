"""Users' filters, and the tables that they may join."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
STAGE = "pre"
"""When to run it: before (`pre`) or after (`post`) the new code."""


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(Path(__file__).with_name("0003_pre_filters.sql").read_text("utf-8"))
