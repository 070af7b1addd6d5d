"""What keeps a node's filters those of the archive, in a thread of its own: no batch waits for PostgreSQL.

Every two seconds it asks what has changed. What it knows is also in a file, so that a node that starts while PostgreSQL is away
runs the filters that were known before. Filters that the node has paused by itself are paused in the archive, and so on all nodes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import structlog
from pydantic import TypeAdapter, ValidationError

from ..archive import FilterChanges, FilterStore
from ..errors import UpstreamError
from ..filters.definition import Filter
from ..metrics import Metrics
from ..streams import paused_notice
from ._node_filters import NodeFilters

_log = structlog.get_logger()

STAGE = "watch_filters"
"""The label of what this counts."""

_STOP_SECONDS = 0.5

_FILTERS = TypeAdapter(tuple[Filter, ...])


class FilterWatcher:
    """Follows the archive's filters.

    Parameters
    ----------
    store : where filters are.
    copy : file of the filters that were known last.
    runner : takes all filters that are to run on alerts, in the order of their ids, whenever they have changed; says which of them it has paused.
    metrics : where it counts.
    tell : sends a notice to the owner of a filter, given its key and value.
    seconds : between two looks.
    """

    def __init__(
        self,
        store: FilterStore,
        copy: Path,
        *,
        runner: NodeFilters,
        metrics: Metrics,
        tell: Callable[[bytes, bytes], None],
        seconds: float,
    ) -> None:
        self._store = store
        self._copy = copy
        self._runner = runner
        self._metrics = metrics
        self._tell = tell
        self._seconds = seconds
        self._number = 0
        self._known: dict[int, Filter] = {}
        self._failures = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="filters", daemon=True)

    def load(self) -> None:
        """Take the filters that there are, before the first batch: those of the copy if PostgreSQL is away."""
        self.poll()
        if self._failures:
            self._hand_on({one.id: one for one in self._read_copy()})

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the look that it is at; a node that ends does not wait long for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def poll(self) -> None:
        """Pause in the archive what the node has stopped, and take what has changed there; if PostgreSQL is away, all stays as it is."""
        try:
            with self._metrics.timed(STAGE):
                self._write_back()
                self._take(self._store.changed_since(self._number))
        except UpstreamError as error:
            self._failed(error)
        else:
            self._recovered()

    def _write_back(self) -> None:
        """Pause what the node has paused by itself; in the same look it is taken from the runner, which then says so no more."""
        for failure in self._runner.failures():
            if failure.paused and self._store.pause(failure.filter, failure.reason, failure.version):
                _log.warning("filter paused", filter=failure.filter, version=failure.version, why=failure.reason)
                self._tell(*paused_notice(self._known[failure.filter], failure.reason))

    def _take(self, changes: FilterChanges) -> None:
        known = {} if changes.complete else dict(self._known)
        for one in changes.filters:
            known.pop(one.id, None)
            if one.runs_on_alerts:
                known[one.id] = one
        if known != self._known:
            self._hand_on(known)
            self._write_copy()
        elif changes.complete and not self._copy.exists():
            self._write_copy()
        self._number = changes.number

    def _hand_on(self, known: dict[int, Filter]) -> None:
        self._runner.replace(tuple(known[number] for number in sorted(known)))
        self._known = known
        self._metrics.filters.set(len(known))
        _log.info("filters", running=len(known))

    def _read_copy(self) -> tuple[Filter, ...]:
        try:
            return _FILTERS.validate_json(self._copy.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            self._metrics.errors.labels(STAGE, type(error).__name__).inc()
            _log.warning("copy of the filters unreadable", path=str(self._copy), why=str(error), then="no filter runs until PostgreSQL answers")
            return ()

    def _write_copy(self) -> None:
        try:
            _write_whole(self._copy, _FILTERS.dump_json(tuple(self._known.values())))
        except OSError as error:
            self._metrics.errors.labels(STAGE, type(error).__name__).inc()
            _log.warning("copy of the filters not written", path=str(self._copy), why=str(error))

    def _failed(self, error: UpstreamError) -> None:
        self._metrics.errors.labels(STAGE, type(error).__name__).inc()
        if not self._failures:
            _log.warning("filters not read", why=str(error), then="those that are known go on; looking again")
        self._failures += 1

    def _recovered(self) -> None:
        if self._failures:
            _log.info("filters read again", failures=self._failures)
            self._failures = 0

    def _repeat(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                self.poll()
            except Exception:  # noqa: BLE001 - counted and said
                # A mistake of ours must not end the stream; the filters that run go on.
                self._metrics.errors.labels(STAGE, "unexpected").inc()
                _log.exception("filters not read")


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all: nodes of one machine share it."""
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        temporary = Path(file.name)
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
