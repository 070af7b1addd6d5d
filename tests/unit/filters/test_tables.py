"""What filters may name is there in the archive, with the same columns of the same types."""

from __future__ import annotations

import pyarrow as pa
import pytest
import sqlalchemy as sa

from splanc.archive._tables import _SQL_TYPES, METADATA
from splanc.filters.tables import TABLES

IN_ARCHIVE = {
    "objects": "objects",
    "objects_ext": "objects",
    "objects_variability": "objects_variability",
    "alert": "diasources",
    "ss_objects_latest": "ss_objects_latest",
    "mpc_orbits": "mpc_orbits",
    "sherlock_classifications": "sherlock_classifications",
    "crossmatch_tns": "crossmatch_tns",
    "annotator": "annotations",
    "watchlist": "watchlist_hits",
    "area": "area_hits",
    "watchmap": "area_hits",
    "skymap": "mma_area_hits",
}


def columns(table: sa.Table) -> dict[str, str]:
    return {column.name: str(column.type) for column in table.columns}


def of_filters(schema: pa.Schema) -> dict[str, str]:
    return {field.name.lower(): str(_SQL_TYPES[field.type]) for field in schema}


def test_every_table_has_its_place_in_the_archive() -> None:
    assert set(IN_ARCHIVE) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_the_archive_has_its_columns(name: str) -> None:
    archived, wanted = columns(METADATA.tables[IN_ARCHIVE[name]]), of_filters(TABLES[name].columns)
    assert {column: archived.get(column) for column in wanted} == wanted


def test_the_archive_has_no_more_of_objects_than_when_their_row_was_changed() -> None:
    for name in ("objects", "objects_variability", "ss_objects_latest"):
        assert columns(METADATA.tables[name]).keys() - of_filters(TABLES[name].columns).keys() <= {"timestamp"}


@pytest.mark.parametrize("name", ["sherlock_classifications", "crossmatch_tns", "annotator", "watchlist", "area", "skymap"])
def test_tables_that_later_work_fills_have_the_declared_columns_alone(name: str) -> None:
    assert columns(METADATA.tables[IN_ARCHIVE[name]]) == of_filters(TABLES[name].columns)
