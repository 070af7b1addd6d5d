"""One node: the stages, the two marks, the loop, and the supervisor of several nodes."""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._archive_side import ArchiveSide, Stores
    from ._backfill import backfill
    from ._file_topic import FILE_TOPIC
    from ._filter_watcher import FilterWatcher
    from ._marks import Marks
    from ._node import IngestNode, NodeParts, Owned
    from ._node_filters import NodeFilters
    from ._publish_side import PublishSide
    from ._report import NodeReport
    from ._run import run_node
    from ._supervisor import Supervisor, node_command
    from ._upkeep import Upkeep, upkeep_command
    from ._uploader import Uploader
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "FILE_TOPIC",
    "ArchiveSide",
    "FilterWatcher",
    "IngestNode",
    "Marks",
    "NodeFilters",
    "NodeParts",
    "NodeReport",
    "Owned",
    "PublishSide",
    "Stores",
    "Supervisor",
    "Upkeep",
    "Uploader",
    "backfill",
    "node_command",
    "run_node",
    "upkeep_command",
]
