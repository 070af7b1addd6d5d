"""The classifier server: Arrow Flight, columns in, columns out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import structlog
from pyarrow import flight
from typing_extensions import override

from ...errors import UserError
from ..classifier import Classified
from ._asked import Asked
from ._cached import CachedClassifier
from ._wire import Health, answer, asked_in, wants_matches

_log = structlog.get_logger()


class FlightServer(flight.FlightServerBase):  # type: ignore[misc]  # pyarrow has no types
    """Answers nodes; it listens from when it is made until `shutdown`.

    Parameters
    ----------
    classifier : what answers. Several nodes are served at once.
    health : what it says of itself.
    host, port : where to listen; port 0: any that is free.
    """

    def __init__(self, classifier: CachedClassifier, health: Health, host: str, port: int) -> None:
        self._classifier = classifier
        self._health = health
        super().__init__(f"grpc://{host}:{port}")

    @override
    def do_exchange(self, context: Any, descriptor: flight.FlightDescriptor, reader: Any, writer: Any) -> None:
        try:
            asked, matches = asked_in(reader.read_all()), wants_matches(descriptor.command)
        except UserError as error:
            raise pa.ArrowInvalid(str(error)) from error
        table = answer(self._classify(asked, matches=matches), self._health.version)
        writer.begin(table.schema)
        writer.write_table(table)

    @override
    def list_actions(self, context: Any) -> list[flight.ActionType]:
        return [flight.ActionType("health", "What the server is and what it searches, as JSON.")]

    @override
    def do_action(self, context: Any, action: flight.Action) -> Iterator[flight.Result]:
        if action.type != "health":
            raise pa.ArrowInvalid(f"no action {action.type!r}; there is health")
        yield flight.Result(json.dumps(self._health.to_json()).encode())

    def _classify(self, asked: Asked, *, matches: bool) -> Classified:
        try:
            if asked.object_id is None or matches:
                return self._classifier.classify(asked.ra_deg, asked.dec_deg, asked.mjd_tai, matches=matches)
            answers = self._classifier.classify_objects(asked.object_id, asked.ra_deg, asked.dec_deg, asked.mjd_tai)
        except Exception:
            _log.exception("question failed", positions=len(asked), then="the node asks another server")
            raise
        return Classified(classifications=answers, matches=None)
