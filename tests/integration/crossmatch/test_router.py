"""A node and servers of this process that are slow, fail, or are renewed: real sockets, and classifiers that can be changed."""

from __future__ import annotations

import time
from contextlib import ExitStack

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import flight

from splanc.crossmatch import UNCLASSIFIED
from splanc.crossmatch.service import CachedClassifier, FlightServer, Health, Holds, Router
from splanc.metrics import Metrics
from tests.support.classifier_servers import wait_until
from tests.support.whole_degrees import Whole

RA, DEC = np.arange(360.0), np.arange(360.0) / 3 - 60
IDS = np.arange(1, 361)
HOLDS = Holds(arcsec=0.05, days=30.0)


class Cluster:
    """Servers, each with a classifier."""

    def __init__(self, stack: ExitStack, n: int, folder=None) -> None:
        self.sources = [Whole() for _ in range(n)]
        self._stack = stack
        self.servers = [self._serve(source, 0, folder and folder / str(number)) for number, source in enumerate(self.sources)]
        self.addresses = [f"127.0.0.1:{server.port}" for server in self.servers]

    def _serve(self, source: Whole, port: int, folder=None) -> FlightServer:
        cached = CachedClassifier(source, folder, holds=HOLDS, max_bytes=1 << 24, metrics=Metrics())
        server = FlightServer(cached, Health(version=source.version, software="", catalogues={}), "127.0.0.1", port)
        self._stack.callback(server.shutdown)
        return server

    def renew(self, number: int, version: str) -> None:
        """Start a server again with another version."""
        port = self.servers[number].port
        self.servers[number].shutdown()
        self.sources[number] = Whole(version=version)
        self.servers[number] = self._serve(self.sources[number], port)

    def router(self, *, timeout_seconds: float = 1.0, patience_seconds: float = 10.0) -> Router:
        router = Router(self.addresses, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds, metrics=Metrics())
        self._stack.callback(router.close)
        return router


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def classes(router: Router) -> list[str]:
    return router.classify(RA, DEC).classifications["classification"].to_pylist()


def versions(router: Router) -> set[str]:
    return set(router.classify(RA, DEC).classifications["catalogue_versions"].to_pylist())


EXPECTED = Whole().classify(RA, DEC).classifications["classification"].to_pylist()


def test_all_have_their_share(stack) -> None:
    cluster = Cluster(stack, 3)
    assert classes(cluster.router()) == EXPECTED
    shares = [sum(source.searched) for source in cluster.sources]
    assert sum(shares) == len(RA)
    assert min(shares) > len(RA) / 5


def test_the_cells_of_a_slow_server_move_and_it_rests(stack) -> None:
    cluster = Cluster(stack, 3)
    router = cluster.router()
    cluster.sources[0].wait_seconds = 3.5
    began = time.monotonic()
    assert classes(router) == EXPECTED
    assert 1.0 <= time.monotonic() - began < 3.0
    began = time.monotonic()
    assert classes(router) == EXPECTED
    assert time.monotonic() - began < 1.0
    assert len(cluster.sources[0].searched) <= 1
    assert router._links[0].answers  # it is there, and may be asked if there is no other
    cluster.sources[0].wait_seconds = 0.0
    asked = len(cluster.sources[0].searched)
    wait_until(lambda: classes(router) == EXPECTED and len(cluster.sources[0].searched) > asked + 1, "it is asked again")


def test_all_are_waited_for_when_all_are_slow(stack) -> None:
    """As when a field is new to all of them: nobody is asked for what another is busy with already, and every row has its class."""
    cluster = Cluster(stack, 3)
    router = cluster.router()
    for source in cluster.sources:
        source.wait_seconds = 1.8
    assert classes(router) == EXPECTED
    assert sum(sum(source.searched) for source in cluster.sources) == len(RA)
    for source in cluster.sources:
        source.wait_seconds = 0.0
    assert classes(router) == EXPECTED


def test_patience_ends(stack) -> None:
    cluster = Cluster(stack, 2)
    router = cluster.router(timeout_seconds=0.3, patience_seconds=0.8)
    for source in cluster.sources:
        source.wait_seconds = 2.0
    began = time.monotonic()
    assert set(classes(router)) == {UNCLASSIFIED}
    assert time.monotonic() - began < 1.8


def test_a_server_that_fails_is_passed_over(stack) -> None:
    cluster = Cluster(stack, 2)
    router = cluster.router()

    def fail(*_arguments, **_options):
        raise RuntimeError("out of memory")

    cluster.sources[0].classify = fail
    assert classes(router) == EXPECTED
    assert not router._links[0].answers


def test_one_version_is_spoken_while_servers_are_renewed(stack) -> None:
    cluster = Cluster(stack, 3)
    router = cluster.router()
    assert versions(router) == {"whole whole-1"}
    cluster.renew(0, "whole-2")
    for _ in range(3):
        assert versions(router) == {"whole whole-1"}
        assert router.version == "whole-1"
    wait_until(lambda: router._links[0].version == "whole-2", "the new version is known")
    cluster.renew(1, "whole-2")
    wait_until(lambda: router._links[1].version == "whole-2", "the new version is known")
    assert router.version == "whole-2"
    assert versions(router) == {"whole whole-2"}
    assert cluster.sources[2].searched
    searched = list(cluster.sources[2].searched)
    assert versions(router) == {"whole whole-2"}
    assert cluster.sources[2].searched == searched  # the last old one is not asked any more


def test_all_renewed_at_once_costs_no_row(stack) -> None:
    cluster = Cluster(stack, 2)
    router = cluster.router()
    assert versions(router) == {"whole whole-1"}
    for number in range(2):
        cluster.renew(number, "whole-2")
    assert UNCLASSIFIED not in classes(router)
    assert versions(router) == {"whole whole-2"}


def test_a_node_keeps_answers_by_the_version_that_gave_them(stack, tmp_path) -> None:
    cluster = Cluster(stack, 1)
    metrics = Metrics()
    cached = CachedClassifier(cluster.router(), tmp_path, holds=HOLDS, max_bytes=1 << 24, metrics=metrics)
    for _ in range(2):
        assert cached.classify_objects(IDS, RA, DEC)["classification"].to_pylist() == EXPECTED
    assert sum(cluster.sources[0].searched) == len(RA)
    cluster.servers[0].shutdown()
    wait_until(lambda: not cached.source._links[0].answers, "it is away")
    assert cached.classify_objects(IDS, RA, DEC)["classification"].to_pylist() == EXPECTED
    unknown = cached.classify_objects(IDS + 1000, RA, DEC)["classification"].to_pylist()
    assert set(unknown) == {UNCLASSIFIED}
    assert metrics.registry.get_sample_value("splanc_classify_objects_incomplete_total") == len(RA)


def test_servers_remember_objects_for_all_nodes(stack, tmp_path) -> None:
    cluster = Cluster(stack, 2, folder=tmp_path)
    for _ in range(2):
        node = CachedClassifier(cluster.router(), None, holds=HOLDS, max_bytes=0, metrics=Metrics())
        assert node.classify_objects(IDS, RA, DEC)["classification"].to_pylist() == EXPECTED
    assert sum(sum(source.searched) for source in cluster.sources) == len(RA)


def test_bad_questions_are_refused_and_hurt_nobody(stack) -> None:
    cluster = Cluster(stack, 1)
    client = flight.connect(f"grpc://{cluster.addresses[0]}")
    stack.callback(client.close)
    for descriptor, table in [(b"{}", pa.table({"a": [1]})), (b"nonsense", pa.table({"a": [1]}))]:
        with pytest.raises(pa.ArrowInvalid, match="a question has the columns"):
            exchange(client, descriptor, table)
    with pytest.raises(pa.ArrowInvalid, match="no action 'stop'"):
        list(client.do_action("stop"))
    assert [action.type for action in client.list_actions()] == ["health"]
    assert classes(cluster.router()) == EXPECTED


def exchange(client, command: bytes, table: pa.Table) -> pa.Table:
    writer, reader = client.do_exchange(flight.FlightDescriptor.for_command(command))
    with writer:
        writer.begin(table.schema)
        writer.write_table(table)
        writer.done_writing()
        return reader.read_all()
