"""What delivery needs around it: filters with matches in their topics, a mail server, a machine that takes webhooks; all on loopback."""

from __future__ import annotations

import email
import json
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session
from confluent_kafka import Producer

from splanc.config import DeliverSettings, IngestSettings, KafkaSettings, MailSettings, Settings
from splanc.filters.definition import Definition, Filter, Output
from splanc.head import deliver
from splanc.kafka import client_config
from tests.support.kafka import free_port, new_topic

PATIENCE_SECONDS = 30.0

NIGHT = 20260101

FIRST_DAY = (datetime.now(UTC) - timedelta(days=5)).replace(hour=13, minute=0, second=0, microsecond=0)
"""After noon, the end of a night, so that what is matched then is due, and hours more are the same day."""


def settings_for(kafka: KafkaSettings, folder, mail: dict | None = None, **hooks) -> Settings:
    return Settings(
        data_dir=folder,
        kafka=kafka,
        ingest=IngestSettings(session_seconds=3.0),
        mail=MailSettings(**{"host": "127.0.0.1", "port": free_port(), "security": "none", "sender": "splanc@example.org", **mail}) if mail else MailSettings(),
        deliver=DeliverSettings(**{"allow_private": True, "retry_seconds": 0.1, "webhook_seconds": 0.1, "retry_max_seconds": 0.3, **hooks}),
    )


def filter_for(kafka: KafkaSettings, number: int, output: Output, target: str, partitions: int = 1) -> Filter:
    """A filter, with its topic made."""
    definition = Definition(name=f"bright {number}", owner="ann", selected="diaObjectId", output=output, target=target)
    return Filter(id=number, version=1, definition=definition, topic=new_topic(kafka, partitions), created=FIRST_DAY, changed=FIRST_DAY)


def match(kafka: KafkaSettings, owner: Filter, numbers: Sequence[int], at: datetime = FIRST_DAY, version: int = 1) -> None:
    """Put matches into a filter's topic, as a node would."""
    producer = Producer(client_config(kafka))
    for number in numbers:
        value = json.dumps({"diaObjectId": 1000 + number, "number": number, "UTC": "2026-01-01 00:00:00"}).encode()
        headers = {"filter": str(owner.id), "version": str(version), "night": str(NIGHT), "visit": "1", "diaSourceId": str(5000 + number)}
        producer.produce(owner.topic, value, str(1000 + number), headers=headers, timestamp=round(at.timestamp() * 1000))
    assert producer.flush(PATIENCE_SECONDS) == 0


class MailHost:
    """A mail server that does with each mail what its script says: an answer, or `drop` the connection; at the end of the script it takes them.

    It drops it always at mails whose subject begins with what is deadly.
    """

    def __init__(self, *script: str, port: int | None = None, deadly: str | None = None) -> None:
        self.deadly = deadly
        self.port = port or free_port()
        self.script = list(script)
        self.mails: list[EmailMessage] = []
        self.tried: list[str] = []
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
        self._controller = None

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        mail = email.message_from_bytes(envelope.original_content, policy=SMTP)
        self.tried.append(mail["Message-ID"])
        answer = self.script.pop(0) if self.script else "250 taken"
        if answer == "drop" or (self.deadly is not None and mail["Subject"].startswith(self.deadly)):
            server.transport.abort()
        elif answer.startswith("250"):
            self.mails.append(mail)
        return answer

    def numbers(self) -> Counter[int]:
        """How often each match came in a mail that was taken."""
        return Counter(record["number"] for mail in self.mails for record in records_of(mail))


def records_of(mail: EmailMessage) -> list[dict]:
    """The matches in the file of a digest."""
    (file,) = mail.iter_attachments()
    return json.loads(file.get_content())


@contextmanager
def mail_host(*script: str, port: int | None = None, deadly: str | None = None) -> Iterator[MailHost]:
    host = MailHost(*script, port=port, deadly=deadly)
    host.start()
    try:
        yield host
    finally:
        host.stop()


class HookHost:
    """A machine that does with each POST what its script says: a status, `hang` or `reset`; at the end of the script it answers 200."""

    def __init__(self, *script: str) -> None:
        self.script = list(script)
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.tried: list[tuple[float, str]] = []
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def stop(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def numbers(self) -> list[int]:
        """The matches that were taken, in order."""
        return [one["number"] for _headers, body in self.posts for one in json.loads(body)["matches"]]

    def _handler(host) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                host.tried.append((time.monotonic(), self.headers["Splanc-Delivery"]))
                answer = host.script.pop(0) if host.script else "200"
                if answer == "hang":
                    host.over.wait(PATIENCE_SECONDS)
                if not answer[0].isdecimal():
                    self.connection.shutdown(2)
                    self.close_connection = True
                    return
                status, *location = answer.split()
                if status == "200":
                    host.posts.append((dict(self.headers), body))
                self.send_response(int(status))
                for place in location:
                    self.send_header("Location", place)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_arguments) -> None:
                pass

        return Handler


@contextmanager
def hook_host(*script: str) -> Iterator[HookHost]:
    host = HookHost(*script)
    try:
        yield host
    finally:
        host.stop()


@contextmanager
def silent_host() -> Iterator[tuple[str, set[bytes]]]:
    """A machine that takes connections and says a byte of its answer now and then, for ever; yields its address, and the paths whose clients have given up."""

    class Drip(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            path = self.request.recv(65536).split()[1]
            with suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.05):
                    self.request.sendall(b"x")
            left.add(path)

    over, left = threading.Event(), set[bytes]()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", left
        finally:
            over.set()
            server.shutdown()
            thread.join()


@contextmanager
def running(settings: Settings, filters: Callable[[], Sequence[Filter]], clock: Callable[[], datetime] | None = None) -> Iterator[None]:
    """Delivery in a thread, stopped at the end of the block. What it raised is raised there."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(deliver, settings, filters, over.is_set, clock=clock)
        try:
            yield
        finally:
            over.set()
        run.result(PATIENCE_SECONDS)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
