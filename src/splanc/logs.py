"""Logging: structlog, pretty on a terminal and JSON lines otherwise, always on standard error.

Event names are constant strings; values go in keys. INFO is life-cycle and one line a batch, WARNING is degraded but
going on, ERROR is a handled failure that a person should know of.
"""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(*, verbose: bool = False, quiet: bool = False) -> None:
    """Set the process's logging: INFO, or DEBUG when verbose, or WARNING when quiet."""
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
