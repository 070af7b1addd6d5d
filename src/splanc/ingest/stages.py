"""The pipeline: what happens to a batch, in order. Each stage lives in the package it belongs to.

After the last stage the batch goes to both sides: publish (`_publish_side`) and archive (`_archive_side`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import structlog

from ..config import Settings
from ..crossmatch import ClassifiesObjects, Classify
from ..features import Features, add_moving_objects
from ..packet import Batch
from ..sky import Dust, index_sky
from ._node_filters import NodeFilters

_log = structlog.get_logger()

Stage: TypeAlias = Callable[[Batch], Batch]


def stages(settings: Settings, filters: NodeFilters | None = None, classifier: ClassifiesObjects | None = None) -> tuple[Stage, ...]:
    """Return what is done with each decoded batch, in this order.

    Parameters
    ----------
    filters : users' filters; None where nothing is streamed out.
    classifier : what says what is near objects; None where there are no catalogues.

    Raises
    ------
    UserError
        If the dust map that is installed cannot be read.
    """
    told = (index_sky, *_classify(settings, classifier), Features(_dust(settings)).compute_features, add_moving_objects)
    return told if filters is None else (*told, filters.run_filters)


def _classify(settings: Settings, classifier: ClassifiesObjects | None) -> tuple[Stage, ...]:
    if classifier is not None:
        return (Classify(classifier).classify,)
    _log.warning("no catalogues", path=str(settings.catalogues_folder), then="objects have no class", do="splanc catalogue install demo")
    return ()


def _dust(settings: Settings) -> Dust | None:
    if settings.dust_path.exists():
        return Dust(settings.dust_path)
    _log.warning("no dust map", path=str(settings.dust_path), then="ebv and what needs it are NULL", do="splanc dust install")
    return None
