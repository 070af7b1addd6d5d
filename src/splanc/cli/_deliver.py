"""`splanc deliver`: digests, notices and webhooks."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import archive, head
from ..logs import configure_logs
from ._context import Config, DataDir, command, say, settings_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deliver")(deliver)


@command
def deliver(
    secret: Annotated[
        int | None, typer.Option("--secret", min=1, help="Print the secret of the webhook of the filter with this id, and end.", show_default=False)
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log everything.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Deliver matches until SIGTERM: digests and notices by mail, and webhooks. Of several that run, one works."""
    configure_logs(verbose=verbose)
    settings = settings_of(data_dir, config)
    if secret is not None:
        print(head.webhook_secret(settings, secret))
        return
    # Somebody else's PostgreSQL may be away: what is known of filters when it is back is delivered then.
    settings = head.start_services(settings, say, migrated=settings.archive.dsn is None)
    head.deliver(settings, archive.FilterStore(settings.archive_dsn).all)
