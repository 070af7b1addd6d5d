"""What light curves say: features of a batch's objects, column by column.

A *family* is a module with the columns that it adds (`COLUMNS`, with units and meanings) and a function that computes them
(`compute`) from all objects of a batch at once; some follow from class and distance too, which the batch has by then. Beside them
stands the variability set, a feature a file in `variability`, which goes into a table of its own. `compute_features` is the stage that runs them all.
Moving objects have no light curve; `add_moving_objects` is the stage that says of them what users filter on.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._absolute import luminosity_distance_mpc, may_be_transient
    from ._blackbody import EXTINCTION
    from ._columns import column
    from ._context import CLASSIFICATIONS, UNCLASSIFIED, Context, context_in
    from ._families import CONTEXT_FEATURES, FAMILIES, FEATURE_COLUMNS
    from ._lightcurves import BANDS, Lightcurves, Objects, objects_of
    from ._moving import MOVING_COLUMNS, MOVING_TABLE, add_moving_objects
    from ._stage import VARIABILITY, Features, context_features, warm
    from .variability import DETECTION_SIGMA, VARIABILITY_COLUMNS
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "BANDS",
    "CLASSIFICATIONS",
    "CONTEXT_FEATURES",
    "DETECTION_SIGMA",
    "EXTINCTION",
    "FAMILIES",
    "FEATURE_COLUMNS",
    "MOVING_COLUMNS",
    "MOVING_TABLE",
    "UNCLASSIFIED",
    "VARIABILITY",
    "VARIABILITY_COLUMNS",
    "Context",
    "Features",
    "Lightcurves",
    "Objects",
    "add_moving_objects",
    "column",
    "context_features",
    "context_in",
    "luminosity_distance_mpc",
    "may_be_transient",
    "objects_of",
    "warm",
]
