"""The permanent store: PostgreSQL for rows, a folder or an object store for cutouts.

In the order of use: the embedded server (`start_postgres`), its tables (`migrate`, `check`), loading a batch with the marks of its
partitions (`Archive.load`), packs of cutouts (`write_pack`) and where they go (`BlobStore`), reading (`read_rows`,
`LightcurveStore`, `read_cutouts`, `query`), objects that are classified again (`ClassifyWork`), and users' filters (`FilterStore`).
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._alembic import SchemaReport, check
    from ._embedded import PostgresStatus, postgres_status, start_postgres, stop_postgres
    from ._ledger_rows import REJECTS
    from ._load import ArchiveLoad, Loaded
    from ._migrate import migrate
    from ._pack_rows import PackFate
    from ._query import Answer, query
    from ._read import NotMigrated, read_rows
    from ._store import Archive
    from ._tables import SPELLING
    from ._warm import warm
    from .blobs import Blob, BlobStore
    from .classify_work import ClassifyWork, Provenance, Which
    from .cutouts import read_cutouts, write_fits
    from .figures import write_figure
    from .filter_store import FilterChanges, FilterStore, FilterVersion, topic_name
    from .footers import KINDS, Footer, PackDamaged, Place, read_footer, starts_of, verify_pack
    from .lightcurves import LIGHTCURVE, LightcurveStore, PostgresLightcurves
    from .packs import INDEX, Pack, PackWriter, pack_name, remake_pack, write_pack
    from .pictures import as_png, write_png
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "INDEX",
    "KINDS",
    "LIGHTCURVE",
    "REJECTS",
    "SPELLING",
    "Answer",
    "Archive",
    "ArchiveLoad",
    "Blob",
    "BlobStore",
    "ClassifyWork",
    "FilterChanges",
    "FilterStore",
    "FilterVersion",
    "Footer",
    "LightcurveStore",
    "Loaded",
    "NotMigrated",
    "Pack",
    "PackDamaged",
    "PackFate",
    "PackWriter",
    "Place",
    "PostgresLightcurves",
    "PostgresStatus",
    "Provenance",
    "SchemaReport",
    "Which",
    "as_png",
    "check",
    "migrate",
    "pack_name",
    "postgres_status",
    "query",
    "read_cutouts",
    "read_footer",
    "read_rows",
    "remake_pack",
    "start_postgres",
    "starts_of",
    "stop_postgres",
    "topic_name",
    "verify_pack",
    "warm",
    "write_figure",
    "write_fits",
    "write_pack",
    "write_png",
]
