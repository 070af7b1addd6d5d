"""One meaning: Polars, PostgreSQL and DuckDB give the same values and the same rows, for every operation and any nesting of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from splanc.filters.fitting import operation
from splanc.filters.language import parse_filter
from splanc.filters.operations import OPERATIONS
from splanc.filters.scope import find_column
from splanc.filters.to_polars import Context, as_polars
from splanc.filters.to_sql import as_sql
from splanc.filters.tree import Column, Kind, Node, Selected, Tree
from tests.integration.filters.trees import NOW, SCOPE, TABLES, nodes, operations, rows

STORED = {"objects": "objects", "alert": "diaSources", "fast": "annotations"}
TYPES = {pl.Float64: "float8", pl.Float32: "float4", pl.Int64: "int8", pl.Int32: "int4", pl.Boolean: "boolean", pl.String: "text"}
ROWS = 150


class Engines:
    """The same rows in three engines."""

    def __init__(self, dsn: str, frames: dict[str, pl.DataFrame]) -> None:
        self.postgres = psycopg.connect(dsn, autocommit=True)
        self.postgres.execute("SET timezone = 'UTC'")
        self.duckdb = duckdb.connect()
        self.duckdb.execute("SET timezone = 'UTC'")
        self.wide = pl.concat([frame.rename(lambda name, alias=alias: f"{alias}.{name}") for alias, frame in frames.items()], how="horizontal")
        for alias, frame in frames.items():
            self._load(STORED[alias], frame)

    def _load(self, table: str, frame: pl.DataFrame) -> None:
        types = ", ".join(f'"{name.lower()}" {_type(name, dtype)}' for name, dtype in frame.schema.items())
        self.postgres.execute(f'CREATE TABLE "{table.lower()}" ({types})')
        with self.postgres.cursor() as cursor, cursor.copy(f'COPY "{table.lower()}" FROM STDIN') as copy:
            for row in frame.iter_rows():
                copy.write_row(row)
        self.duckdb.register("loaded", frame.to_arrow())
        self.duckdb.execute(f'CREATE TABLE "{table}" AS SELECT * FROM loaded')

    def close(self) -> None:
        self.postgres.close()
        self.duckdb.close()

    def agree_on(self, tree: Tree) -> None:
        """Compare what all three select, row by row."""
        context = Context.at(NOW)
        kept = self.wide.filter(as_polars(tree.conditions, context)) if tree.conditions is not None else self.wide
        polars = kept.select(as_polars(item.node, context).alias(item.name) for item in tree.selected)
        expected = sorted(polars.rows())
        texts = {dialect: as_sql(tree, dialect, NOW) for dialect in ("postgresql", "duckdb")}
        found = {"postgresql": self.postgres.execute(texts["postgresql"].encode()).fetchall(), "duckdb": self.duckdb.execute(texts["duckdb"]).fetchall()}
        for dialect, others in found.items():
            for mine, other in zip(expected, sorted(others), strict=True):
                assert all(map(same, mine, other)), (
                    dialect,
                    mine,
                    other,
                    self.wide.filter(pl.col("objects.diaObjectId") == mine[0]).to_dicts(),
                    texts[dialect],
                )


def _type(name: str, dtype: pl.DataType) -> str:
    return "jsonb" if name == "classdict" else TYPES.get(type(dtype), "timestamptz")


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same: numbers to a few units in the last place, since sines are not computed alike everywhere."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=2e-14)
    return type(one) is type(other) and one == other


@pytest.fixture(scope="module")
def engines(postgres_server: str) -> Iterator[Engines]:
    name = "one_meaning"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    opened = Engines(postgres_server.replace("/splanc?", f"/{name}?"), rows(ROWS, seed=5))
    yield opened
    opened.close()
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def tree_of(value: Node, condition: Node | None = None) -> Tree:
    """Return a filter that selects a value; of a column itself as a double, since texts of single precision are short."""
    identity = Selected(name="id", node=SCOPE_ID)
    value = operation(SCOPE, "coalesce", [value], value.place) if isinstance(value, Column) and value.kind is not Kind.json else value
    return Tree(selected=(identity, Selected(name="value", node=value)), joined=SCOPE.joined, conditions=condition)


SCOPE_ID = find_column(SCOPE, "objects", "diaObjectId", (0, 0))

RELAXED = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=8,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
"""Nothing is made smaller: three engines for each try would take minutes."""


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_means_one_thing(engines: Engines, name: str) -> None:
    @RELAXED
    @given(operations(OPERATIONS[name], 2))
    def check(node: Node) -> None:
        engines.agree_on(tree_of(node))

    check()


SPELT = [
    "date_format(fast.timestamp, '%a|%b|%c|%D|%d|%e|%f|%H|%h|%I|%i|%j|%k|%l|%M|%m|%p|%r|%S|%s|%T|%U|%u|%V|%v|%W|%w|%X|%x|%Y|%y|%%')",
    "from_unixtime(objects.nDiaSources, '%Y-%m-%d %T')",
    "extract(week FROM fast.timestamp)",
    "timestampadd(quarter, -3, fast.timestamp)",
    "field(alert.band, 'G', 'r')",
    "elt(objects.g_psfFlux, 'a', 'b')",
    "strcmp(objects.tns_name, 'sn')",
    "nvl2(alert.band, objects.ra, objects.decl)",
    "locate('n', objects.tns_name, 2)",
    "substring(objects.tns_name, -3, 2)",
    "trim(objects.tns_name)",
    "CAST(objects.tns_name AS DATE)",
    "datediff(objects.tns_name, fast.classification)",
    "objects.ebv DIV 2e-311",
    "objects.ebv / 2e-311",
    "mod(objects.ebv, 2e-311)",
    "trim('sn') <=> CASE WHEN NULL > fast.timestamp THEN alert.band END",
]
"""What is made of several operations."""


@pytest.mark.parametrize("text", SPELT)
def test_what_is_made_of_several_operations_means_one_thing(engines: Engines, text: str) -> None:
    engines.agree_on(tree_of(parse_filter(f"{text} AS x", TABLES, "").selected[0].node))


@settings(RELAXED, max_examples=120)
@given(
    value=st.sampled_from([Kind.number, Kind.integer, Kind.boolean, Kind.text, Kind.moment]).flatmap(lambda kind: nodes(kind, 4)),
    condition=nodes(Kind.boolean, 4),
)
def test_nested_operations_mean_one_thing(engines: Engines, value: Node, condition: Node) -> None:
    engines.agree_on(tree_of(value, condition))
