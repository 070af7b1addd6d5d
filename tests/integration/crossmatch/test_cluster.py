"""A node and its classifier servers, which are real processes, and are killed and stopped."""

from __future__ import annotations

import json
import signal
import time

import numpy as np
import pytest
import structlog

from splanc.crossmatch import UNCLASSIFIED
from splanc.crossmatch.service import Router
from splanc.crossmatch.service._link import Link
from splanc.metrics import Metrics
from splanc.sky import healpix29
from tests.support.classifier_servers import cluster, wait_until
from tests.support.whole_degrees import Whole

N = 4000
"""Positions of a batch."""


@pytest.fixture(scope="module")
def three():
    with cluster(3) as servers:
        yield servers


@pytest.fixture
def whole(three):
    """All three servers, running, with the same version."""
    for server in three.servers:
        server.signal(signal.SIGCONT) if server.process.poll() is None else None
    three.start()
    return three


@pytest.fixture
def route():
    """Makes routers, which are closed at the end."""
    routers = []

    def make(addresses, timeout_seconds=1.0, patience_seconds=10.0) -> Router:
        router = Router(addresses, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds, metrics=Metrics())
        routers.append(router)
        return router

    yield make
    for router in routers:
        router.close()


@pytest.fixture(scope="module")
def sky():
    """Positions all over the sky, half of them on stars."""
    random = np.random.default_rng(6)
    ra, dec = random.uniform(0, 360, N), np.degrees(np.arcsin(random.uniform(-1, 1, N)))
    ra[::2], dec[::2] = np.round(ra[::2]) % 360, np.round(dec[::2])
    return ra, dec


def classes(classified) -> np.ndarray:
    return np.array(classified.classifications["classification"].to_pylist())


def answering(router: Router) -> int:
    return sum(link.answers for link in router._links)


def test_a_cluster_says_what_a_process_says(whole, route, sky) -> None:
    router = route(whole.addresses)
    ra, dec = sky[0].copy(), sky[1].copy()
    ra[7] = dec[8] = np.nan
    mjd = np.full(N, 61000.0)
    expected = Whole().classify(ra, dec, mjd, matches=True)
    got = router.classify(ra, dec, mjd, matches=True)
    assert got.classifications.equals(expected.classifications)
    assert got.matches.equals(expected.matches.sort_by([("position", "ascending"), ("rank", "ascending")]))
    assert router.classify(ra, dec, mjd).classifications.equals(expected.classifications)
    assert router.classify(ra[:0], dec[:0]).classifications.equals(expected.classifications.slice(0, 0))
    assert router.version == "whole-1"


def test_the_stream_goes_on_when_one_is_killed_and_one_stopped(whole, route, sky) -> None:
    router = route(whole.addresses, timeout_seconds=1.5)
    expected = classes(Whole().classify(*sky))
    dead, stopped, _ = whole.servers
    seconds = []
    for batch in range(12):
        if batch == 3:
            dead.kill()
        if batch == 6:
            stopped.signal(signal.SIGSTOP)
        began = time.monotonic()
        assert (classes(router.classify(*sky)) == expected).all()
        seconds.append(time.monotonic() - began)
    assert seconds[3] < 1.5  # a connection that is refused is known at once
    assert 1.5 <= seconds[6] < 4.5
    assert max(seconds[7:]) < 1.5  # it is asked no more
    stopped.signal(signal.SIGCONT)
    whole.start()
    wait_until(lambda: answering(router) == 3, "both are asked again")
    assert (classes(router.classify(*sky)) == expected).all()


def test_nothing_stops_without_any_server(whole, route, sky) -> None:
    router = route(whole.addresses)
    with structlog.testing.capture_logs() as logs:
        assert UNCLASSIFIED not in classes(router.classify(*sky))
        for server in whole.servers:
            server.kill()
        away = [router.classify(*sky) for _ in range(3)]
        assert all((classes(one) == UNCLASSIFIED).all() for one in away)
        explanation = json.loads(away[0].classifications["explanation"][0].as_py())
        assert explanation == {"phase": "none", "unclassified": "no classifier server answers"}
        assert router.version == "whole-1"  # what is known of objects still holds
        whole.start()
        wait_until(lambda: answering(router) == 3, "all are asked again", seconds=40)
        assert UNCLASSIFIED not in classes(router.classify(*sky))
    told = [(entry["event"], entry["log_level"]) for entry in logs if entry["event"] in {"classifier away", "classifier back"}]
    assert told == [("classifier away", "warning"), ("classifier back", "info")]


def test_a_node_that_starts_without_servers_finds_them_later(whole, route, sky) -> None:
    for server in whole.servers:
        server.kill()
    router = route(whole.addresses)
    assert router.version == ""
    assert (classes(router.classify(*sky)) == UNCLASSIFIED).all()
    whole.start()
    wait_until(lambda: answering(router) > 0, "one is asked", seconds=40)
    assert UNCLASSIFIED not in classes(router.classify(*sky))


def test_all_stopped_is_known_when_none_shows_itself(whole, route, sky) -> None:
    router = route(whole.addresses)
    router.classify(*sky)
    for server in whole.servers:
        server.signal(signal.SIGSTOP)
    began = time.monotonic()
    assert (classes(router.classify(*sky)) == UNCLASSIFIED).all()
    assert time.monotonic() - began < 8.0  # before the patience ends
    began = time.monotonic()
    assert (classes(router.classify(*sky)) == UNCLASSIFIED).all()
    assert time.monotonic() - began < 1.0  # nobody is waited for


def test_cells_have_their_server_and_return_to_it(whole, route, sky) -> None:
    """Which server has answered is told by how often each was asked, so each batch is one cell."""
    router = route(whole.addresses)
    cells = healpix29(*sky) >> 46
    one = cells == cells[0]
    home = served(router, sky, one)
    assert served(router, sky, one) == home
    whole.at(home).kill()
    assert served(router, sky, one) != home
    whole.start()
    wait_until(lambda: answering(router) == 3, "it is asked again", seconds=40)
    assert served(router, sky, one) == home


def served(router: Router, sky, rows) -> str:
    """Return the address of the server that answered about some rows."""
    asked: list[str] = []
    for link in router._links:
        link.ask = lambda *arguments, link=link: asked.append(link.address) or Link.ask(link, *arguments)
    assert UNCLASSIFIED not in classes(router.classify(sky[0][rows], sky[1][rows]))
    return asked[-1]
