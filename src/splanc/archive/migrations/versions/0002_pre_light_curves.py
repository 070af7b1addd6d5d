"""What light curves say, moving objects, and where packs are."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
STAGE = "pre"
"""When to run it: before (`pre`) or after (`post`) the new code."""


def upgrade() -> None:
    """Make the tables and columns."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(Path(__file__).with_name("0002_pre_light_curves.sql").read_text("utf-8"))
