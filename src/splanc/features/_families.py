"""The families of features, and all their columns."""

from __future__ import annotations

from types import ModuleType

import pyarrow as pa

from . import _absolute, _bazin, _counting, _jump, _latest, _pair, _place

FAMILIES: tuple[ModuleType, ...] = (_latest, _counting, _jump, _pair, _absolute, _bazin, _place)
"""The families; their order is that of the columns."""

FEATURE_COLUMNS = pa.schema([field for family in FAMILIES for field in family.COLUMNS])
"""What features add to `objects`; those that the survey gives too are set anew."""

CONTEXT_FAMILIES: tuple[ModuleType, ...] = (_absolute, _bazin)
"""Those families that follow from the class or the distance of an object too."""

CONTEXT_FEATURES = pa.schema([field for family in CONTEXT_FAMILIES for field in family.COLUMNS])
"""What they add to `objects`."""
