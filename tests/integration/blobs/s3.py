"""Enough of the S3 protocol to keep objects in memory, on a real socket, with failures to order, and ETags that say nothing."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

from typing_extensions import override


class S3:
    """A server with one bucket, `bucket`; `failures` is how many of the next requests are answered with `failure`.

    If it `forgets`, what it is given in one piece is there only up to so many bytes, and zeros from there on.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.requests: list[str] = []
        self.failure, self.failures = 503, 0
        self.forgets: int | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": self}))
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: S3

    def _answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.s3.requests.append(f"{self.command} {self.path}")
        if self.s3.failures:
            self.s3.failures -= 1
            self._send(self.s3.failure, b"<Error><Code>ToOrder</Code></Error>")
            return
        _, _, rest = unquote(url.path).partition("/bucket")
        self._object(rest.removeprefix("/"), parse_qs(url.query, keep_blank_values=True), data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def _object(self, name: str, query: dict[str, list[str]], data: bytes) -> None:
        if "list-type" in query:
            self._send(200, self._listing(query["prefix"][0]))
        elif "delete" in query:
            keys = [key.text or "" for key in ET.fromstring(data).findall(".//{*}Key")]
            for key in keys:
                self.s3.objects.pop(key, None)
            self._send(200, f"<DeleteResult>{''.join(f'<Deleted><Key>{key}</Key></Deleted>' for key in keys)}</DeleteResult>".encode())
        elif "uploads" in query:
            self.s3.parts[name] = {}
            self._send(200, b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        elif "partNumber" in query:
            self.s3.parts[name][int(query["partNumber"][0])] = data
            self._send(200)
        elif "uploadId" in query and self.command == "POST":
            self.s3.objects[name] = b"".join(part for _, part in sorted(self.s3.parts.pop(name).items()))
            self._send(200, b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
        elif self.command == "PUT":
            kept = data[: self.s3.forgets]
            self.s3.objects[name] = kept + bytes(len(data) - len(kept))
            self._send(200)
        else:
            self._get(name)

    def _get(self, name: str) -> None:
        if name not in self.s3.objects:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        whole = self.s3.objects[name]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        if wanted is None:
            self._send(200, whole)
        elif int(wanted[1]) >= len(whole):
            self._send(416, b"<Error><Code>InvalidRange</Code></Error>")
        else:
            piece = whole[int(wanted[1]) : int(wanted[2]) + 1]
            self._send(206, piece, f"bytes {wanted[1]}-{int(wanted[1]) + len(piece) - 1}/{len(whole)}")

    def _listing(self, prefix: str) -> bytes:
        entries = "".join(
            f"<Contents><Key>{name}</Key><LastModified>2025-12-31T00:00:00.000Z</LastModified><ETag>x</ETag><Size>{len(data)}</Size></Contents>"
            for name, data in sorted(self.s3.objects.items())
            if name.startswith(prefix)
        )
        return f"<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()

    def _send(self, status: int, body: bytes = b"", content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Wed, 31 Dec 2025 00:00:00 GMT")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @override
    def log_message(self, *_: object) -> None:
        return
