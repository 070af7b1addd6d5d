"""The layout that tools for HATS know (IVOA note Hierarchical Adaptive Tiling Scheme): properties, the list of partitions, the schema, the files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ... import __version__
from ._columns import SOURCE_COLUMNS
from ._partitions import Partition
from ._rows import INDEX

TILE_ROWS = 65_536
"""Rows of a tile, a row group: about 4 MB in memory, and a field of 9.6 square degrees has a few even in the densest catalogues."""

PROPERTIES = "hats.properties"
"""The file that says that a folder is a catalogue in HATS."""

_ENCODINGS = {INDEX: "DELTA_BINARY_PACKED", "id": "DELTA_LENGTH_BYTE_ARRAY"}
_DICTIONARIES = ["epoch", "kind", "type", "mag_filter"]
_ZSTD_LEVEL = 1


def write_partition(path: Path, rows: pa.Table, tile_rows: int) -> None:
    """Write a file of Parquet in tiles of one size, with checksums of pages and statistics of tiles, at once and whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    options = {"compression": "zstd", "compression_level": _ZSTD_LEVEL, "write_page_checksum": True, "use_dictionary": _DICTIONARIES}
    even = -(-rows.num_rows // max(1, -(-rows.num_rows // tile_rows)))
    pq.write_table(rows, partial, row_group_size=max(1, even), column_encoding=_ENCODINGS, **options)
    partial.replace(path)


def write_layout(folder: Path, name: str, partitions: Sequence[Partition], properties: dict[str, object]) -> None:
    """Write what tools read before they read files: `hats.properties`, `partition_info.csv`, `dataset/_common_metadata`."""
    (folder / "dataset").mkdir(parents=True, exist_ok=True)
    pq.write_metadata(SOURCE_COLUMNS, folder / "dataset" / "_common_metadata")
    lines = ["Norder,Npix", *(f"{one.order},{one.pixel}" for one in partitions)]
    (folder / "partition_info.csv").write_text("\n".join(lines) + "\n", "utf-8")
    said = {
        "obs_collection": name,
        "dataproduct_type": "object",
        "hats_nrows": sum(one.n_rows for one in partitions),
        "hats_col_ra": "ra",
        "hats_col_dec": "dec",
        "hats_col_healpix": INDEX,
        "hats_col_healpix_order": 29,
        "hats_npix_suffix": ".parquet",
        "hats_order": max((one.order for one in partitions), default=0),
        "hats_max_rows": max((one.n_rows for one in partitions), default=0),
        "hats_builder": f"splanc v{__version__}",
        "hats_creation_date": f"{datetime.now(UTC):%Y-%m-%dT%H:%MUTC}",
        "hats_version": "v1.0",
        **properties,
    }
    text = "".join(f"{key}={' '.join(str(value).split())}\n" for key, value in said.items() if value != "")
    (folder / PROPERTIES).write_text(f"#HATS catalog\n{text}", "utf-8")
    (folder / "properties").write_text(f"#HATS catalog\n{text}", "utf-8")
