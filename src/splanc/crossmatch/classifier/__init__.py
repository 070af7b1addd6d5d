"""The classifier: what an object is, by what is near it in catalogues.

In the order of the flow: the rules (`rules.toml`), tiles of catalogues prepared for them, the search, sources that are merged and ranked, and
the columns and texts that say what was found.
"""

from typing import TYPE_CHECKING

from ...lazy import load_on_use

if TYPE_CHECKING:
    from ._classifier import Classified, Classifier, warm
    from ._resolve import CLASSES
    from ._rules import Merging, Ranking, Rules, Search, load_rules
else:
    __getattr__ = load_on_use(__name__)

__all__ = ["CLASSES", "Classified", "Classifier", "Merging", "Ranking", "Rules", "Search", "load_rules", "warm"]
