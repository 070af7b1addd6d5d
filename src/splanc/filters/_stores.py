"""Columns as the compiled loop has them: a matrix of numbers, and one of integers with its NULLs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ._kernels import TERM
from ._terms import Expression, Term
from .tree import Kind


class Stores(NamedTuple):
    """Matrices of columns, and in which row of its matrix each expression is; see `_kernels.narrow`."""

    numbers: npt.NDArray[np.float64]
    integers: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.uint8]
    conditions: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]


class Terms:
    """The terms of many filters, as the compiled loop has them.

    Texts are compared by codes: the places of what filters state in one list for each column.
    """

    def __init__(self, terms_of_filters: Sequence[Sequence[Term]]) -> None:
        terms = [term for one in terms_of_filters for term in one]
        self.expressions = list(dict.fromkeys(term.expression for term in terms))
        self.ends = np.cumsum([len(one) for one in terms_of_filters], dtype=np.int64)
        self.filters = np.repeat(np.arange(len(terms_of_filters)), [len(one) for one in terms_of_filters])
        places = {expression: place for place, expression in enumerate(self.expressions)}
        self.places = np.array([places[term.expression] for term in terms], np.int64)
        self._stated: dict[Expression, dict[Any, int]] = {}
        values = [self._number(term, value) for term in terms for value in term.values]
        self.values = np.array(values, np.float64)
        # Each value is of one kind; as the other it is never looked at.
        self.exact_values = np.array([value if isinstance(value, int) else 0 for value in values], np.int64)
        counts = np.array([len(term.values) for term in terms], np.int64)
        self._terms = np.zeros(len(terms), TERM)
        self._terms["begin"], self._terms["end"] = np.cumsum(counts) - counts, np.cumsum(counts)
        self._terms["store"] = [term.expression.store for term in terms]
        for name in ("test", "low", "high", "least", "most"):
            self._terms[name] = [getattr(term, name) for term in terms]

    def on(self, stores: Stores) -> npt.NDArray[Any]:
        """Return the terms, with the rows that their columns have in stores."""
        terms = self._terms.copy()
        terms["column"] = stores.rows[self.places]
        return terms

    def stores(self, values: Mapping[Expression, pl.Series], n_alert: int) -> Stores:
        """Return the columns of the expressions that have values."""
        present: tuple[list[pl.Series], ...] = ([], [], [])
        rows = np.zeros(len(self.expressions), np.int64)
        for place, expression in enumerate(self.expressions):
            if expression in values:
                of_store = present[expression.store]
                rows[place] = len(of_store)
                of_store.append(self._compared(expression, values[expression]).alias(str(len(of_store))))
        numbers, integers, conditions = (pl.DataFrame(columns) for columns in present)
        return Stores(
            _matrix(numbers, pl.all().cast(pl.Float64).fill_null(np.nan), np.float64, n_alert),
            _matrix(integers, pl.all().cast(pl.Int64).fill_null(0), np.int64, n_alert),
            _matrix(integers, pl.all().is_null().cast(pl.UInt8), np.uint8, n_alert),
            _matrix(conditions, pl.all().fill_null(value=False).cast(pl.UInt8), np.uint8, n_alert),
            rows,
        )

    def _number(self, term: Term, value: float | str) -> float:
        """Return a stated value as the loop compares it."""
        if not isinstance(value, str):
            return value
        stated = self._stated.setdefault(term.expression, {})
        return stated.setdefault(value, len(stated))

    def _compared(self, expression: Expression, values: pl.Series) -> pl.Series:
        """Return what stands for values in a store: of texts their codes, -1 for what no filter states; of what is only asked for NULL, 0."""
        if expression in self._stated:
            stated = pa.array(list(self._stated[expression]), pa.large_string())
            texts = pc.ascii_lower(values.to_arrow(compat_level=pl.CompatLevel.oldest()))
            return pl.Series(pc.fill_null(pc.index_in(texts, value_set=stated), -1)).set(values.is_null(), None)
        if expression.node.kind in {Kind.number, Kind.integer, Kind.boolean}:
            return values
        return pl.Series(np.zeros(len(values), np.int64)).set(values.is_null(), None)


def _matrix(columns: pl.DataFrame, form: pl.Expr, kind: type[np.generic], n_alert: int) -> npt.NDArray[Any]:
    """Return columns in a form, shape (n_column, n_alert)."""
    if not columns.width:
        return np.zeros((0, n_alert), kind)
    # The compiled loop is compiled for arrays that may be written to; what Polars lends may not.
    return np.require(columns.select(form).to_numpy(order="fortran").T, requirements=["C", "W"])
