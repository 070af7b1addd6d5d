"""What alembic runs around the migrations; the connection comes from `splanc.archive.migrate`."""

from alembic import context

from splanc.archive._migrate import VERSION_TABLE
from splanc.archive._tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
