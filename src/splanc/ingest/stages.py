"""The pipeline: what happens to a batch, in order. Each stage lives in the package it belongs to.

After the last stage the batch goes to both sides: publish (`_publish_side`) and archive (`_archive_side`).
"""

from __future__ import annotations

from collections.abc import Callable

from ..packet import Batch
from ..sky import index_sky

STAGES: tuple[Callable[[Batch], Batch], ...] = (index_sky,)
"""What is done with each decoded batch, in this order."""
