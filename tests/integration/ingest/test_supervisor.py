from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from splanc.errors import UpstreamError, UserError
from splanc.ingest import Supervisor, _supervisor, node_command

Children = Callable[..., Supervisor]

SLEEP = "import time; time.sleep(60)"
FAIL = "raise SystemExit(3)"
STUBBORN = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1], 'w').close(); time.sleep(60)"


@pytest.fixture
def children() -> Iterator[Children]:
    """Make supervisors of small Python programs; what still runs at the end is stopped."""
    made = []

    def make(code: str, *arguments: str, names: Sequence[str] = ("n1",), restarts: int = 3, log: Path | None = None) -> Supervisor:
        command = [sys.executable, "-I", "-S", "-c", code, *arguments]
        made.append(Supervisor(names, lambda name: [*command, name], environment={"SPLANC_TEST": "given"}, restarts=restarts, log=log))
        return made[-1]

    yield make
    for supervisor in made:
        for pid in supervisor.pids.values():
            os.kill(pid, signal.SIGKILL)
        for node in supervisor._nodes:
            if node.process is not None:
                node.process.wait()


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(_supervisor.time, "monotonic", lambda: self.now)


def await_end(supervisor: Supervisor) -> None:
    for node in supervisor._nodes:
        assert node.process is not None
        node.process.wait()


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + 4
    while not condition():
        assert time.perf_counter() < deadline
        time.sleep(0.005)


def restart_after(supervisor: Supervisor, clock: Clock) -> float:
    """Return how long a supervisor waits before it starts a dead node again, having seen it do so."""
    await_end(supervisor)
    supervisor.watch()
    (node,) = supervisor._nodes
    dead = node.process
    pause = node.restart_at - clock.now
    clock.now += pause - 0.001
    supervisor.watch()
    assert node.process is dead
    clock.now += 0.002
    supervisor.watch()
    assert node.process is not dead
    return round(pause, 6)


def test_all_nodes_are_started_with_their_environment_and_one_log(children: Children, tmp_path: Path) -> None:
    log = tmp_path / "nodes.log"
    log.write_text("before\n")
    code = "import os, sys; print(sys.argv[1], os.environ['SPLANC_TEST'], 'PATH' in os.environ, file=sys.stderr)"
    supervisor = children(code, names=("n1", "n2"), log=log)
    supervisor.start()
    await_end(supervisor)
    assert log.read_text().startswith("before\n")
    assert sorted(log.read_text().splitlines()[1:]) == ["n1 given True", "n2 given True"]


def test_a_dead_node_is_started_again_later_each_time_until_its_budget_is_spent(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    supervisor = children(FAIL, restarts=6)
    supervisor.start()
    with capture_logs() as logs:
        pauses = [restart_after(supervisor, clock) for _ in range(6)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert [(line["node"], line["exit_code"], line["restarts"], line["budget"]) for line in logs] == [("n1", 3, n, 6) for n in range(1, 7)]
    await_end(supervisor)
    with pytest.raises(UpstreamError, match=r"node n1 died 7 times in 10 minutes \(last exit code 3\).*raise ingest\.restarts"):
        supervisor.watch()


def test_a_budget_of_none_ends_at_the_first_death(children: Children) -> None:
    supervisor = children(FAIL, restarts=0)
    supervisor.start()
    await_end(supervisor)
    with pytest.raises(UpstreamError, match="n1 died 1 times"):
        supervisor.watch()


def test_a_node_that_cannot_run_as_configured_is_not_started_again(children: Children, tmp_path: Path) -> None:
    supervisor = children("raise SystemExit(2)", log=tmp_path / "nodes.log")
    supervisor.start()
    await_end(supervisor)
    with pytest.raises(UserError, match=r"node n1 cannot run as it is configured; its log .*nodes\.log says what to mend"):
        supervisor.watch()


def test_deaths_long_ago_are_forgiven(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    supervisor = children(FAIL, restarts=2)
    supervisor.start()
    for _ in range(5):
        assert restart_after(supervisor, clock) == 0.2
        clock.now += _supervisor.RESTART_WINDOW_SECONDS + 1


def test_only_the_dead_node_is_started_again(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    supervisor = children(SLEEP, names=("n1", "n2"))
    supervisor.start()
    before = supervisor.pids
    os.kill(before["n1"], signal.SIGKILL)
    await_true(lambda: set(supervisor.pids) == {"n2"})
    supervisor.watch()
    clock.now += 1
    supervisor.watch()
    after = supervisor.pids
    assert after["n2"] == before["n2"]
    assert after["n1"] != before["n1"]


def test_stop_ends_all_and_starts_none_again(children: Children) -> None:
    supervisor = children(SLEEP, names=("n1", "n2"))
    supervisor.start()
    pids = supervisor.pids
    assert len(pids) == 2
    supervisor.stop()
    assert [node.process.returncode for node in supervisor._nodes if node.process] == [-signal.SIGTERM] * 2
    supervisor.watch()
    assert supervisor.pids == {}
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_a_node_that_does_not_stop_is_killed(children: Children, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_supervisor, "STOP_SECONDS", 0.1)
    ready = tmp_path / "ready"
    supervisor = children(STUBBORN, str(ready))
    supervisor.start()
    await_true(ready.exists)
    with capture_logs() as logs:
        supervisor.stop()
    (node,) = supervisor._nodes
    assert node.process is not None
    assert node.process.returncode == -signal.SIGKILL
    assert [(line["event"], line["pid"]) for line in logs] == [("node killed", node.process.pid)]


def test_stop_before_start_is_nothing(children: Children) -> None:
    children(SLEEP).stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_ends_with_a_signal_and_takes_its_nodes_along(children: Children, number: signal.Signals) -> None:
    supervisor = children(SLEEP, names=("n1", "n2"))
    handlers = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]

    def interrupt() -> None:
        await_true(lambda: len(supervisor.pids) == 2)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    supervisor.run()
    thread.join()
    assert supervisor.pids == {}
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_run_with_a_spent_budget_stops_the_other_nodes_too(children: Children) -> None:
    supervisor = children("import sys, time; sys.argv[1] == 'n1' or time.sleep(60)", names=("n1", "n2"), restarts=0)
    with pytest.raises(UpstreamError, match="node n1 died"):
        supervisor.run()
    assert supervisor.pids == {}


def test_the_command_of_a_node() -> None:
    start = [sys.executable, "-m", "splanc", "ingest", "--data-dir", "/data"]
    end = ["--name", "n1", "--parent", str(os.getpid())]
    assert node_command("/data", None)("n1") == [*start, *end]
    assert node_command("/data", "/x.toml")("n1") == [*start, "--config", "/x.toml", *end]


def test_the_budget_of_a_node_that_has_long_been_running_is_the_same(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    supervisor = children(FAIL, restarts=2)
    supervisor.start()
    clock.now += _supervisor.RESTART_WINDOW_SECONDS + 1
    assert [restart_after(supervisor, clock) for _ in range(2)] == [0.2, 0.4]
    await_end(supervisor)
    with pytest.raises(UpstreamError, match="died 3 times"):
        supervisor.watch()
