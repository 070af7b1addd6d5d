"""A schema registry on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import fastavro
from typing_extensions import override


class Registry:
    """Registers schemas, as Confluent's does, unless it is told to answer otherwise.

    Parameters
    ----------
    status : of answers; None: it does what it is asked.
    """

    def __init__(self) -> None:
        self.schemas: list[str] = []
        self.subjects: list[str] = []
        self.status: int | None = None
        self.url = ""

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """Answer a request."""
        self.subjects.append(path)
        if self.status is not None:
            return self.status, {"error_code": self.status, "message": "it says so"}
        schema = json.loads(body)["schema"]
        fastavro.parse_schema(json.loads(schema))
        if schema not in self.schemas:
            self.schemas.append(schema)
        return 200, {"id": 100 + self.schemas.index(schema)}

    def read(self, message: bytes) -> dict[str, Any]:
        """Return a record, read as any reader does: by the schema whose id it begins with."""
        assert message[0] == 0
        schema: Any = json.loads(self.schemas[int.from_bytes(message[1:5], "big") - 100])
        stream = BytesIO(message[5:])
        record: Any = fastavro.schemaless_reader(stream, schema, None)
        assert stream.read() == b""
        return dict(record)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port of loopback; yield the address."""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, said = registry.post(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            @override
            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/registry"
            finally:
                server.shutdown()
                thread.join()
