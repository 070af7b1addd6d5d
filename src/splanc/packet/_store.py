"""Schemas by id: shipped, from a folder, from a registry, or from a container's header."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import httpx2
import structlog
from fastavro.schema import SchemaParseException, UnknownType, parse_schema

from ..config import SchemaSettings
from ..errors import PacketError, UpstreamError
from ._plan import Layout, UnsupportedSchema, compile_plan, named_records
from ._survey import Survey
from .lsst import LSST
from .ztf import ZTF

SURVEYS = (LSST, ZTF)
"""The surveys that splanc knows; the one whose trigger a packet has is the packet's."""

UNKNOWN_SECONDS = 60.0
"""How long an id that the registry did not know is not asked for again, seconds: damaged packets may name any id."""

_NAME = re.compile(r"(?P<survey>\w+)\.v(?P<major>\d+)_(?P<minor>\d+)\b")
_VERSION = re.compile(r"\d{1,4}\.\d{1,2}")
_LARGEST_ID = 2**31 - 1
"""Ids are 32 bits; those given to schemas without one count down from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One writer's schema, ready to decode with.

    Parameters
    ----------
    id : as in the header of its packets.
    survey : whose it is.
    version : for example "11.1" or "4.01"; empty if the schema does not say.
    json : its text.
    parsed : as fastavro takes it.
    plain : the same without logical types: values are the numbers that they are on the wire, and any number is one.
    layout : its compiled plan; None if fastavro must decode it.
    """

    id: int
    survey: Survey
    version: str
    json: str
    parsed: dict[str, Any]
    plain: dict[str, Any]
    layout: Layout | None


def compile_schema(identity: int, text: str) -> Schema:
    """Return a schema from its JSON text.

    Raises
    ------
    PacketError
        If it is no Avro schema of a survey that splanc knows.
    """
    try:
        definition = json.loads(text)
        parsed = _parsed(definition)
        fields = {field["name"] for field in parsed["fields"]}
    except (ValueError, KeyError, TypeError, SchemaParseException, UnknownType) as error:
        raise PacketError(f"schema {identity} is not an Avro schema of a record: {error!r}", kind="schema") from error
    survey = next((survey for survey in SURVEYS if survey.trigger in fields), None)
    if survey is None:
        raise PacketError(f"schema {identity} ({parsed['name']}) is of no survey that splanc knows", kind="schema")
    _check_required(parsed, survey)
    layout = None
    try:
        layout = Layout(compile_plan(parsed, survey))
    except UnsupportedSchema as reason:
        structlog.get_logger().warning("schema is decoded slowly, by fastavro", schema_id=identity, schema=parsed["name"], reason=str(reason))
    return Schema(
        id=identity,
        survey=survey,
        version=_version(parsed["name"], definition),
        json=text,
        parsed=parsed,
        plain=_parsed(_without_logical_types(parsed)),
        layout=layout,
    )


def _check_required(parsed: Mapping[str, Any], survey: Survey) -> None:
    """Make sure that a schema has the fields without which nothing can be made of its packets."""
    for record in named_records(parsed).values():
        name = record["name"].rpartition(".")[2]
        missing = survey.required.get(name, frozenset()) - {field["name"] for field in record["fields"]}
        if missing:
            raise PacketError(f"schema {parsed['name']} of {survey.name}: {name} lacks {', '.join(sorted(missing))}", kind="schema")


def _version(name: str, definition: Any) -> str:
    """Return the version in a schema's name, or else in its attribute `version`."""
    match = _NAME.match(name)
    if match:
        return f"{match['major']}.{match['minor']}"
    version = definition.get("version")
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else ""


def _parsed(definition: Any) -> dict[str, Any]:
    parsed: Any = parse_schema(definition, _force=True)
    return dict(parsed)


def _without_logical_types(avro_type: Any) -> Any:
    if isinstance(avro_type, list):
        return [_without_logical_types(branch) for branch in avro_type]
    if isinstance(avro_type, dict):
        return {key: _without_logical_types(value) for key, value in avro_type.items() if key != "logicalType" and not key.startswith("__")}
    return avro_type


def _id_of_name(name: str) -> int | None:
    """Return the id that belongs to the name of a schema's file, None if the name does not say."""
    match = _NAME.match(name)
    survey = next((survey for survey in SURVEYS if match and match["survey"] == survey.name), None)
    return survey.schema_id(int(match["major"]), int(match["minor"])) if match and survey else None


def _id_of(schema: Schema) -> int | None:
    """Return the id that belongs to a schema's version, None if it does not say which it is."""
    if not schema.version:
        return None
    major, minor = schema.version.split(".")
    return schema.survey.schema_id(int(major), int(minor))


def _essence(avro_type: Any) -> Any:
    """Return what of a parsed schema decides how its packets are read."""
    if isinstance(avro_type, list):
        return [_essence(branch) for branch in avro_type]
    if isinstance(avro_type, dict):
        kept = ("type", "name", "fields", "items", "values", "symbols", "size", "logicalType")
        return {key: _essence(avro_type[key]) for key in kept if key in avro_type}
    return avro_type


class SchemaStore:
    """Finds schemas by id: in memory, among those shipped, in the folder, in the disk cache, at the registry.

    Parameters
    ----------
    settings : folder and registry.
    cache_dir : where schemas that came from the registry are kept; made when needed.
    """

    def __init__(self, settings: SchemaSettings, cache_dir: Path) -> None:
        self._settings = settings
        self._cache_dir = cache_dir
        self._schemas: dict[int, Schema] = {}
        self._unknown: dict[int, float] = {}
        self._next_id = _LARGEST_ID

    def get(self, identity: int) -> Schema:
        """Return the schema with an id.

        Raises
        ------
        PacketError
            If nobody knows the id, or what they know is no schema of a survey.
        UpstreamError
            If the registry does not answer as it should; try again later.
        """
        if identity not in self._schemas:
            self._schemas[identity] = self._shipped(identity) or self._cached(identity) or self._fetched(identity)
        return self._schemas[identity]

    def add(self, text: str) -> Schema:
        """Return the schema of a container's header, under the id that belongs to its version or, if that is another schema's, a free one.

        Raises
        ------
        PacketError
            If it is no Avro schema of a survey that splanc knows.
        """
        schema = compile_schema(self._next_id, text)
        essence = _essence(schema.parsed)
        for known in self._schemas.values():
            if _essence(known.parsed) == essence:
                return known
        identity = _id_of(schema)
        if identity is not None:
            shipped = self._shipped(identity)
            if identity not in self._schemas and (shipped is None or _essence(shipped.parsed) == essence):
                schema = shipped or compile_schema(identity, text)
        self._next_id -= schema.id == self._next_id
        self._schemas[schema.id] = schema
        return schema

    def _shipped(self, identity: int) -> Schema | None:
        """Return a schema shipped with splanc or lying in the folder."""
        folders: list[Traversable] = [resources.files(__package__) / "schemas"]
        if self._settings.folder:
            folders.append(self._settings.folder)
        for folder in folders:
            for file in folder.iterdir() if folder.is_dir() else ():
                if file.name.endswith(".json") and _id_of_name(file.name) == identity:
                    return compile_schema(identity, file.read_text("utf-8"))
        return None

    def _cached(self, identity: int) -> Schema | None:
        """Return a schema that came from the registry before; what cannot be read is fetched again."""
        with suppress(OSError, UnicodeDecodeError, PacketError):
            return compile_schema(identity, self._cache_file(identity).read_text("utf-8"))
        return None

    def _fetched(self, identity: int) -> Schema:
        """Return a schema from the registry, and keep it on disk."""
        if self._settings.registry_url is None or time.monotonic() - self._unknown.get(identity, -UNKNOWN_SECONDS) < UNKNOWN_SECONDS:
            raise self._unknown_error(identity)
        text = self._ask(self._settings.registry_url, identity)
        schema = compile_schema(identity, text)
        self._keep(identity, text)
        return schema

    def _ask(self, registry_url: str, identity: int) -> str:
        url = f"{registry_url.rstrip('/')}/schemas/ids/{identity}"
        try:
            answer = httpx2.get(url, timeout=self._settings.timeout_seconds, follow_redirects=True)
            if answer.status_code == httpx2.codes.NOT_FOUND:
                self._unknown[identity] = time.monotonic()
                raise self._unknown_error(identity)
            answer.raise_for_status()
            return str(answer.json()["schema"])
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise UpstreamError(f"the schema registry does not answer {url}: {error!r}") from error

    def _unknown_error(self, identity: int) -> PacketError:
        url = self._settings.registry_url
        asked = f"{url} does not have it; register it there" if url else "no registry is set; set schemas.registry_url, or add its file to the folder"
        return PacketError(f"schema id {identity} is not known: it is not shipped, not in schemas.folder, and {asked}", kind="schema")

    def _cache_file(self, identity: int) -> Path:
        return self._cache_dir / f"{identity}.json"

    def _keep(self, identity: int, text: str) -> None:
        """Write a schema to the disk cache, whole or not at all."""
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._cache_dir, suffix=".part", delete=False) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._cache_file(identity))
