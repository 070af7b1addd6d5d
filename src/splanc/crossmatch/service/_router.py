"""The node's side of a cluster of classifier servers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from ...metrics import Metrics
from ...sky import HEALPIX_ORDER, cells_of
from ..classifier import Classified
from ._asked import Asked, Floats, asked
from ._calls import Calls
from ._link import Link
from ._packed import pack
from ._rendezvous import CELL_ORDER
from ._unclassified import unclassified
from ._wire import classified_in, command, question

_log = structlog.get_logger()

_WATCH_SECONDS = 0.1
"""How often it is seen to whether a server is to be looked at, seconds."""


class Router:
    """Asks classifier servers: each about its own part of the sky, all at once, and the next one when one is away.

    Servers that have another version than most are not asked, so that one version is spoken at a time, also while they are renewed one after another.

    Parameters
    ----------
    servers : their addresses, `host:port`.
    timeout_seconds : after so long a server is late, and the next is asked as well.
    patience_seconds : longest time of one batch.
    metrics : where servers that answer are counted.
    """

    def __init__(self, servers: Sequence[str], *, timeout_seconds: float, patience_seconds: float, metrics: Metrics) -> None:
        self._links = [Link(server, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds) for server in servers]
        self._timeout_seconds = timeout_seconds
        self._patience_seconds = patience_seconds
        self._metrics = metrics
        self._version = ""
        self._is_away = False
        self._executor = ThreadPoolExecutor(4 * len(servers), "classifier-server")
        list(self._executor.map(Link.look, [link for link in self._links if link.look_is_due()]))
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="classifier-servers", daemon=True)
        self._watcher.start()

    @property
    def version(self) -> str:
        """The version that most servers have that answer; the same as before if as many have another. Empty before any has answered."""
        votes = Counter(link.version for link in self._links if link.answers)
        if votes and votes[self._version] < max(votes.values()):
            self._version = max(votes, key=lambda version: (votes[version], version))
        return self._version

    def classify(self, ra_deg: Floats, dec_deg: Floats, mjd_tai: Floats | None = None, *, matches: bool = False) -> Classified:
        """Return what the servers say of positions; those that none can be asked about are `UNCLASSIFIED`, with the reason."""
        return self._classify(asked(None, ra_deg, dec_deg, mjd_tai), matches=matches)

    def classify_objects(self, objects: Asked) -> pa.Table:
        """Return what the servers say of objects, `CLASSIFICATION_COLUMNS`; those that none can be asked about are `UNCLASSIFIED`."""
        return self._classify(objects, matches=False).classifications

    def close(self) -> None:
        """Let go of the servers."""
        self._closing.set()
        self._watcher.join()
        for link in self._links:
            link.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _classify(self, asked: Asked, *, matches: bool) -> Classified:
        rows, answers = [np.zeros(0, np.int64)], []
        left, version = np.arange(len(asked)), None
        while len(left) and version != self.version:  # again, if servers have told that they have another one now
            version = self.version
            for answered, table in self._ask(asked.take(left), version, matches=matches):
                rows.append(left[answered])
                answers.append(table.replace_schema_metadata(None))
            left = np.setdiff1d(left, np.concatenate(rows))
        self._tell(len(left))
        answers.append(pack(unclassified(len(left), "no classifier server answers")))
        order = np.argsort(np.concatenate([*rows, left]), kind="stable")
        return classified_in(pa.concat_tables(answers, promote_options="default").take(pa.array(order)))

    def _ask(self, asked: Asked, version: str, *, matches: bool) -> Iterator[tuple[npt.NDArray[np.int64], pa.Table]]:
        """Yield rows and what servers of one version say of them."""
        links = [link for link in self._links if link.version == version]
        cells = cells_of(asked.ra_deg, asked.dec_deg).fill_null(0).to_numpy() >> 2 * (HEALPIX_ORDER - CELL_ORDER)
        calls = Calls(links, version, question=question(asked), cells=cells, command=command(matches=matches), timeout_seconds=self._timeout_seconds)
        return calls.run(self._executor, self._patience_seconds)

    def _tell(self, n_left: int) -> None:
        """Say so when positions go on without an answer, and when they no longer do."""
        if n_left and not self._is_away:
            _log.warning("classifier away", positions=n_left, servers=[link.address for link in self._links], then="alerts go on as UNCLASSIFIED")
        elif self._is_away and not n_left:
            _log.info("classifier back")
        self._is_away = n_left > 0
        self._metrics.classify_servers.set(sum(link.answers for link in self._links))

    def _watch(self) -> None:
        """Look at servers from time to time."""
        while not self._closing.wait(_WATCH_SECONDS):
            for link in self._links:
                if link.look_is_due():
                    self._executor.submit(link.look)
