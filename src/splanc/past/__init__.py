"""Past nights as filters saw them: rows kept alert by alert, and what can be asked of them."""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._backtest import ASK_ABOVE, NightTest, backtest, rate
    from ._compact import Compacted, compact_night
    from ._explain import Distance, Explanation, Verdict, explain
    from ._files import RowsDamaged, write_rows
    from ._follow import follow_alerts
    from ._misses import Miss, Misses, misses
    from ._nights import OnDamage, chosen_nights, find_alert, nights_in, read_night
    from ._upkeep import QUIET_SECONDS, due_nights, expire_nights, is_untidy, try_folder
    from ._wide import widen
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "ASK_ABOVE",
    "QUIET_SECONDS",
    "Compacted",
    "Distance",
    "Explanation",
    "Miss",
    "Misses",
    "NightTest",
    "OnDamage",
    "RowsDamaged",
    "Verdict",
    "backtest",
    "chosen_nights",
    "compact_night",
    "due_nights",
    "expire_nights",
    "explain",
    "find_alert",
    "follow_alerts",
    "is_untidy",
    "misses",
    "nights_in",
    "rate",
    "read_night",
    "try_folder",
    "widen",
    "write_rows",
]
