"""Users' filters: their language, what it means, and running all of them on every alert.

A filter's text is parsed once, when it is saved, to a tree of columns, values and operations from an allow-list (`tree`). The same
tree is compiled for the stream and printed as SQL for past data: one meaning, live and historic.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._compiled import Compiled, compile_filter
    from ._program import MATCHES, Outcome, Program, run_one, warm
    from ._terms import Expressions
    from ._values import values_of
    from .access import sync_access
    from .cost import COST_ALERTS, COST_LIMIT_US, check_cost, measure_cost
    from .definition import Definition, Filter, Output, Run, State
    from .frames import Frame, Rows, Source, sources_of
    from .language import parse_filter
    from .runner import FAILURES_ALLOWED, MATCHES_TABLE, USAGE, Failure, FilterRunner
    from .statements import parse_statement
    from .synthetic import synthetic_frame
    from .tables import TABLES, Table
    from .to_polars import Context, as_polars
    from .to_sql import as_sql
    from .tree import Column, Joined, Kind, Node, Operation, Selected, Tree, Value
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "COST_ALERTS",
    "COST_LIMIT_US",
    "FAILURES_ALLOWED",
    "MATCHES",
    "MATCHES_TABLE",
    "TABLES",
    "USAGE",
    "Column",
    "Compiled",
    "Context",
    "Definition",
    "Expressions",
    "Failure",
    "Filter",
    "FilterRunner",
    "Frame",
    "Joined",
    "Kind",
    "Node",
    "Operation",
    "Outcome",
    "Output",
    "Program",
    "Rows",
    "Run",
    "Selected",
    "Source",
    "State",
    "Table",
    "Tree",
    "Value",
    "as_polars",
    "as_sql",
    "check_cost",
    "compile_filter",
    "measure_cost",
    "parse_filter",
    "parse_statement",
    "run_one",
    "sources_of",
    "sync_access",
    "synthetic_frame",
    "values_of",
    "warm",
]
