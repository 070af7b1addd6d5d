"""What a node must tell apart when it talks to Kafka."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import SplancError, UpstreamError


class Rebalanced(SplancError):
    """The node's partitions have changed: drop what was collected; the next messages come from the new assignment."""


class TransactionAborted(UpstreamError):
    """Kafka took nothing of this transaction: seek back to the committed offsets and go on.

    Parameters
    ----------
    refused : the topics that are known to have refused a record, if that is why, each with the reason.
    """

    def __init__(self, *texts: str, refused: Mapping[str, str] | None = None) -> None:
        super().__init__(*texts)
        self.refused = dict(refused or {})


class Fenced(UpstreamError):
    """Another process of the same node has taken over, or this client is beyond repair: end the process."""
