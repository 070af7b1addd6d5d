"""The node-local cache: batches that wait for the archive, in memory while it keeps up and on disk when it does not, and packs that wait for the blob store."""

from ._local_packs import LocalPack, LocalPacks, local_pack
from ._spill import SpoolDamaged
from ._spool import Spool, SpoolState
from ._waiting import Spans, Waiting, waiting_batch

__all__ = ["LocalPack", "LocalPacks", "Spans", "Spool", "SpoolDamaged", "SpoolState", "Waiting", "local_pack", "waiting_batch"]
