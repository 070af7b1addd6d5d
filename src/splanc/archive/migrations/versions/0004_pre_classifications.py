"""What a class follows from."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
STAGE = "pre"
"""When to run it: before (`pre`) or after (`post`) the new code."""


def upgrade() -> None:
    """Add the columns."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(Path(__file__).with_name("0004_pre_classifications.sql").read_text("utf-8"))
