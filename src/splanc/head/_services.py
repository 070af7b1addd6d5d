"""The parts that splanc needs and may have embedded: Kafka and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pydantic import SecretStr

from ..archive import migrate, postgres_status, start_postgres, stop_postgres
from ..config import Settings
from ..kafka import EmbeddedBroker, ensure_topics, splanc_topics


def start_services(settings: Settings, say: Callable[[str], None], *, kafka: bool = True, postgres: bool = True, migrated: bool = True) -> Settings:
    """Start the embedded parts that the settings do not replace and that are not up, and make them ready.

    Topics that are missing are created and the archive's tables brought up to date, there and on external servers.

    Parameters
    ----------
    settings : which parts are external.
    say : told in a line what is being started.
    kafka, postgres : which parts are needed.
    migrated : whether the archive's tables are to be brought up to date.

    Returns
    -------
    Settings
        With the archive's DSN filled in, if PostgreSQL is needed.

    Raises
    ------
    UserError, UpstreamError
        If a part cannot be started or reached; the message says what to do.
    """
    with ThreadPoolExecutor(2) as pool:
        broker = pool.submit(_start_kafka, settings, say) if kafka else None
        archive = pool.submit(_start_postgres, settings, say, migrated=migrated) if postgres else None
        if broker is not None:
            broker.result()
    return settings if archive is None else _with_dsn(settings, archive.result())


def running_services(settings: Settings, say: Callable[[str], None]) -> Settings:
    """Start the embedded Kafka if it is not up, take PostgreSQL as it is, and return the settings as `start_services` does.

    The archive's DSN is None when the embedded PostgreSQL is down: who looks at a night must not end an outage of it.
    """
    _start_kafka(settings, say)
    if settings.archive.dsn is not None:
        return settings
    postgres = postgres_status(settings.data_dir)
    return settings if postgres is None else _with_dsn(settings, postgres.dsn)


def stop_services(settings: Settings) -> list[str]:
    """Stop the embedded parts of this data directory, and return the names of those that were running."""
    stopped = ["Kafka"] if EmbeddedBroker(settings).stop() else []
    return stopped + (["PostgreSQL"] if stop_postgres(settings.data_dir) else [])


def _with_dsn(settings: Settings, dsn: str) -> Settings:
    return settings.model_copy(update={"archive": settings.archive.model_copy(update={"dsn": SecretStr(dsn)})})


def _start_kafka(settings: Settings, say: Callable[[str], None]) -> None:
    if settings.kafka.bootstrap_servers is None:
        broker = EmbeddedBroker(settings)
        if not broker.status().running:
            say(f"starting Kafka on 127.0.0.1:{settings.kafka.port}")
        broker.start()
    ensure_topics(settings.kafka, splanc_topics(settings.kafka))


def _start_postgres(settings: Settings, say: Callable[[str], None], *, migrated: bool) -> str:
    if settings.archive.dsn is not None:
        dsn = settings.archive.dsn.get_secret_value()
    else:
        if postgres_status(settings.data_dir) is None:
            say(f"starting PostgreSQL in {settings.data_dir / 'postgres'}")
        dsn = start_postgres(settings.data_dir)
    if migrated:
        migrate(dsn)
    return dsn
