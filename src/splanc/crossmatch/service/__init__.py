"""The classifier as a service: answers that are remembered, servers on any machines, and the node's way to them."""

from typing import TYPE_CHECKING

from ...lazy import load_on_use

if TYPE_CHECKING:
    from ._answers import Holds
    from ._cached import CachedClassifier
    from ._classifies import Classifies
    from ._flight import FlightServer
    from ._object_index import warm
    from ._open import open_classifier, open_own_classifier
    from ._router import Router
    from ._serve import serve
    from ._shapes import QUERY_NAME, as_json
    from ._wire import Health
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "QUERY_NAME",
    "CachedClassifier",
    "Classifies",
    "FlightServer",
    "Health",
    "Holds",
    "Router",
    "as_json",
    "open_classifier",
    "open_own_classifier",
    "serve",
    "warm",
]
