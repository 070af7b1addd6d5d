"""The node-local cache: batches that wait for the archive, in memory while it keeps up and on disk when it does not."""

from ._spill import SpoolDamaged
from ._spool import Spool, SpoolState
from ._waiting import Spans, Waiting, waiting_batch

__all__ = ["Spans", "Spool", "SpoolDamaged", "SpoolState", "Waiting", "waiting_batch"]
