"""What light curves say: features of a batch's objects, column by column.

A *family* is a module with the columns that it adds (`COLUMNS`, with units and meanings) and a function that computes them
(`compute`) from all objects of a batch at once. Beside them stands the variability set, a feature a file in `variability`, which
goes into a table of its own. `compute_features` is the stage that runs them all.
Moving objects have no light curve; `add_moving_objects` is the stage that says of them what users filter on.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._blackbody import EXTINCTION
    from ._families import FAMILIES, FEATURE_COLUMNS
    from ._lightcurves import BANDS, Context, Lightcurves, Objects, objects_of
    from ._moving import MOVING_COLUMNS, MOVING_TABLE, add_moving_objects
    from ._stage import VARIABILITY, Features, warm
    from .variability import VARIABILITY_COLUMNS
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "BANDS",
    "EXTINCTION",
    "FAMILIES",
    "FEATURE_COLUMNS",
    "MOVING_COLUMNS",
    "MOVING_TABLE",
    "VARIABILITY",
    "VARIABILITY_COLUMNS",
    "Context",
    "Features",
    "Lightcurves",
    "Objects",
    "add_moving_objects",
    "objects_of",
    "warm",
]
