"""What a node must tell apart when it talks to Kafka."""

from __future__ import annotations

from ..errors import SplancError, UpstreamError


class Rebalanced(SplancError):
    """The node's partitions have changed: drop what was collected; the next messages come from the new assignment."""


class TransactionAborted(UpstreamError):
    """Kafka took nothing of this transaction: seek back to the committed offsets and go on."""


class Fenced(UpstreamError):
    """Another process of the same node has taken over, or this client is beyond repair: end the process."""
