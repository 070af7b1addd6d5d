"""Putting together what classifies, as the settings say."""

from __future__ import annotations

from ... import __version__
from ...config import Settings
from ...errors import UserError
from ...metrics import Metrics
from ..catalogues import Shelf
from ..classifier import Classifier, load_rules
from ..classifier import warm as warm_classifier
from ._answers import Holds
from ._cached import CachedClassifier
from ._classifies import Classifies
from ._object_index import warm
from ._router import Router
from ._wire import Health


def open_classifier(settings: Settings, metrics: Metrics | None = None) -> CachedClassifier | None:
    """Return what nodes and commands ask: the configured servers, else the catalogues of this machine; None if there are neither.

    Parameters
    ----------
    metrics : where hits, misses and servers are counted; None: nowhere.

    Raises
    ------
    UserError
        If the rules cannot be understood, or a catalogue that is registered is missing or broken.
    """
    metrics = metrics or Metrics()
    crossmatch = settings.crossmatch
    if not crossmatch.servers:
        opened = open_own_classifier(settings, metrics)
        return None if opened is None else opened[0]
    router = Router(crossmatch.servers, timeout_seconds=crossmatch.timeout_seconds, patience_seconds=crossmatch.patience_seconds, metrics=metrics)
    return _cached(router, settings, metrics)


def open_own_classifier(settings: Settings, metrics: Metrics) -> tuple[CachedClassifier, Health] | None:
    """Return what reads the catalogues of this machine, whatever servers there are, and what a server says of it; None if there are no catalogues.

    Raises
    ------
    UserError
        As `open_classifier`.
    """
    catalogues = Shelf(settings.catalogues_folder, settings.crossmatch.tiles_bytes).open_all()
    if not catalogues:
        return None
    warm_classifier()
    classifier = Classifier(load_rules(settings.crossmatch.rules), catalogues, memory_bytes=settings.crossmatch.memory_bytes)
    versions = {name: catalogue.version for name, catalogue in catalogues.items()}
    return _cached(classifier, settings, metrics), Health(version=classifier.version, software=__version__, catalogues=versions)


def _cached(source: Classifies, settings: Settings, metrics: Metrics) -> CachedClassifier:
    warm()
    crossmatch = settings.crossmatch
    folder = settings.answers_folder if crossmatch.cache_bytes else None
    try:
        return CachedClassifier(
            source, folder, holds=Holds(arcsec=crossmatch.cache_arcsec, days=crossmatch.cache_days), max_bytes=crossmatch.cache_bytes, metrics=metrics
        )
    except OSError as error:
        raise UserError(f"cannot keep answers in {folder}: {error.strerror}; make room there, or set crossmatch.cache_bytes to 0") from error
