"""The whole: embedded services, the registry of nodes, status, and the ledger."""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._cutouts import cutouts_of
    from ._deliver import deliver, webhook_secret
    from ._expire import expire_packs
    from ._filter_stats import FilterNight, filter_names, filter_nights, read_filter_stats
    from ._ledger import SHOWN, Ledger, VisitLedger, read_ledger
    from ._nodes import Registry, read_registry, registry_of
    from ._reclassify import Reclassified, classify_again
    from ._remake import restore_packs
    from ._services import running_services, start_services, stop_services
    from ._status import read_status
    from ._verify import PackFlaw, verify_packs
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "SHOWN",
    "FilterNight",
    "Ledger",
    "PackFlaw",
    "Reclassified",
    "Registry",
    "VisitLedger",
    "classify_again",
    "cutouts_of",
    "deliver",
    "expire_packs",
    "filter_names",
    "filter_nights",
    "read_filter_stats",
    "read_ledger",
    "read_registry",
    "read_status",
    "registry_of",
    "restore_packs",
    "running_services",
    "start_services",
    "stop_services",
    "verify_packs",
    "webhook_secret",
]
