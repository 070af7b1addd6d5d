"""One node: the stages, the two marks, the loop, and the supervisor of several nodes."""

from ._archive_side import ArchiveSide, Stores
from ._backfill import FILE_TOPIC, backfill
from ._marks import Marks
from ._node import IngestNode, NodeParts, Owned
from ._publish_side import PublishSide
from ._report import NodeReport
from ._run import run_node
from ._supervisor import Supervisor, node_command
from .stages import STAGES

__all__ = [
    "FILE_TOPIC",
    "STAGES",
    "ArchiveSide",
    "IngestNode",
    "Marks",
    "NodeParts",
    "NodeReport",
    "Owned",
    "PublishSide",
    "Stores",
    "Supervisor",
    "backfill",
    "node_command",
    "run_node",
]
