"""Object stores: how all that reads or writes one reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from obstore.store import ObjectStore, from_url

_CLIENT = {"connect_timeout": "5s", "timeout": "60s", "allow_http": "true"}
"""Longest wait for a connection, and for one answer (a part of an upload is 8 MiB); plain HTTP only when the endpoint is given as such."""

_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=8)}
"""Few: a node itself retries with backoff, and must be able to stop within ten seconds."""


def store_at(url: str, config: Mapping[str, str] | None = None) -> ObjectStore:
    """Return the store at a URL, which is not asked anything yet.

    Parameters
    ----------
    config : what is given here instead of in the environment variables of the provider.

    Raises
    ------
    obstore.exceptions.BaseError, ValueError
        If it is no URL of a store, or lacks what the store needs.
    """
    return from_url(url, config=dict(config or {}), client_options=_CLIENT, retry_config=_RETRIES)  # type: ignore[call-overload]
