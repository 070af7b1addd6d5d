"""The variability set: what the field computes of light curves by hand, for each band and for all, of every alert's object.

One file a feature: its columns, with formula and source, and the compiled function that computes it from one series (`_series`).
`compute` computes them all.
"""

from typing import TYPE_CHECKING

from ...lazy import load_on_use

if TYPE_CHECKING:
    from ._last_non_detection import DETECTION_SIGMA
    from ._series import SERIES
    from ._set import FEATURES, VARIABILITY_COLUMNS, compute
else:
    __getattr__ = load_on_use(__name__)

__all__ = ["DETECTION_SIGMA", "FEATURES", "SERIES", "VARIABILITY_COLUMNS", "compute"]
