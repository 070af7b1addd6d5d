"""The schemas of filters' records at a registry: registered once for each version of a filter, before its first record.

A registry that is away must stop neither the node nor filters whose schemas are known: matches of the others are withheld, and
counted, until it answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx2

from ..config import SchemaSettings
from ..errors import SplancError, UpstreamError
from ..filters import Filter
from ._avro import AVRO_OUTPUTS, Encoder, fields_of, schema_of

AWAY_SECONDS = 60.0
"""How long a registry that does not answer is left alone; each question may take `schemas.timeout_seconds`, and the batch waits."""

REFUSED_SECONDS = 600.0
"""How long a schema that the registry refuses is not offered again."""

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"

Register = Callable[[str, str], int]
"""Registers a schema, JSON text, under a subject; returns its id."""


class SchemaRefused(SplancError):
    """A registry does not take a schema."""


def register(settings: SchemaSettings, subject: str, schema: str) -> int:
    """Register a schema under a subject and return its id; one that is there already keeps the id that it has.

    Raises
    ------
    UpstreamError
        If the registry does not answer as it should; try again later.
    SchemaRefused
        If it does not take the schema, for example because it cannot follow the subject's last one.
    """
    url = f"{(settings.registry_url or '').rstrip('/')}/subjects/{subject}/versions"
    try:
        answer = httpx2.post(url, json={"schema": schema}, headers={"Content-Type": _MEDIA_TYPE}, timeout=settings.timeout_seconds, follow_redirects=True)
        said = answer.json() if answer.content else {}
        if answer.is_client_error and answer.status_code != httpx2.codes.TOO_MANY_REQUESTS:
            raise SchemaRefused(f"the schema registry refuses {subject}: {answer.status_code} {said.get('message', '')}".rstrip())
        if not answer.is_success:
            raise UpstreamError(f"the schema registry answers {answer.status_code}")
        return int(said["id"])
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, AttributeError) as error:
        # Without the address, which may hold a password: owners of filters read this.
        raise UpstreamError(f"the schema registry does not answer as it should ({type(error).__name__})") from error


class FilterSchemas:
    """What a node knows of the schemas of filters' records.

    Parameters
    ----------
    register : see `Register`; raises as `register` does.
    """

    def __init__(self, register: Register, clock: Callable[[], float] = time.monotonic) -> None:
        self._register = register
        self._clock = clock
        self._encoders: dict[int, tuple[int, Encoder]] = {}
        self._refused: dict[tuple[int, int], tuple[float, str]] = {}
        self._away = (0.0, "")

    def refusal(self, one: Filter) -> str | None:
        """Return why a filter's matches cannot be sent, or None if they can; its schema is registered if it has to be."""
        known = self._encoders.get(one.id)
        if one.definition.output not in AVRO_OUTPUTS or (known is not None and known[0] == one.version):
            return None
        now = self._clock()
        self._refused = {key: refused for key, refused in self._refused.items() if refused[0] > now}
        if self._away[0] > now:
            return self._away[1]
        if (one.id, one.version) in self._refused:
            return self._refused[one.id, one.version][1]
        return self._ask(one)

    def encoder(self, one: Filter) -> Encoder | None:
        """Return what encodes a filter's records; None for those that are JSON."""
        return self._encoders[one.id][1] if one.definition.output in AVRO_OUTPUTS else None

    def _ask(self, one: Filter) -> str | None:
        fields = fields_of(one)
        try:
            identity = self._register(f"{one.topic}-value", json.dumps(schema_of(one, fields)))
        except UpstreamError as error:
            self._away = (self._clock() + AWAY_SECONDS, str(error))
            return str(error)
        except SchemaRefused as error:
            self._refused[one.id, one.version] = (self._clock() + REFUSED_SECONDS, str(error))
            return str(error)
        self._encoders[one.id] = (one.version, Encoder(one, fields, identity))
        return None
