"""What is near on the sky: catalogues, and the classes of objects that follow from them.

In the order of the flow: catalogues on disk (`catalogues`), the rules and the classifier that searches by them (`classifier`),
the classifier as a service with its cache (`service`), and the stage that asks one of them (`Classify`).
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._answers import CLASSIFICATION_COLUMNS, CLASSIFICATIONS, UNCLASSIFIED
    from ._stage import ClassifiesObjects, Classify, classes_of
    from .service import open_classifier
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "CLASSIFICATIONS",
    "CLASSIFICATION_COLUMNS",
    "UNCLASSIFIED",
    "ClassifiesObjects",
    "Classify",
    "classes_of",
    "open_classifier",
]
