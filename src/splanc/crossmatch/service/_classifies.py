"""The one interface of all that classifies: the classifier itself, servers that have one, a cache before either."""

from __future__ import annotations

from typing import Protocol

from ..classifier import Classified
from ._asked import Floats


class Classifies(Protocol):
    """Says what positions are near."""

    @property
    def version(self) -> str:
        """What its answers depend on: rules, catalogues, algorithm. Empty as long as it is not known."""

    def classify(self, ra_deg: Floats, dec_deg: Floats, mjd_tai: Floats | None = None, *, matches: bool = False) -> Classified:
        """Return what it says of positions, in order.

        Parameters
        ----------
        ra_deg, dec_deg : ICRS, degrees, shape (n,).
        mjd_tai : when it was seen there, MJD (TAI), days, shape (n,); None: unknown.
        matches : whether all matches are wanted too.
        """
