"""A filter, compiled: what is tried on every batch is prepared once."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ._terms import Expression, Expressions, Term, term_of
from .frames import Source, sources_of, with_sources
from .tree import Node, Tree, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value of a record: its key, as JSON has it and with what stands before it, and the expression."""

    key: bytes
    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compiled:
    """A filter, ready to run.

    Parameters
    ----------
    id, version : of the filter.
    sources : what it joins.
    terms : conditions on tables with one row an alert at most.
    rest : the other conditions, which are tried on the rows that the terms leave.
    fields : of its records, in order.
    """

    id: int
    version: int
    sources: tuple[Source, ...]
    terms: tuple[Term, ...]
    rest: tuple[Expression, ...]
    fields: tuple[Field, ...]


def compile_filter(tree: Tree, expressions: Expressions, *, id: int = 0, version: int = 0) -> Compiled:  # noqa: A002 - the filter's own word
    """Return a filter, compiled.

    Parameters
    ----------
    expressions : those of the filters that it will run with; what they have in common is compiled once.
    """
    named = sources_of(tree.joined)

    def share(node: Node) -> Expression:
        return expressions.of(node, named.values())

    simple: list[Node] = []
    rest: list[Node] = []
    for condition in tree.conjuncts():
        is_many = any(named[alias].many for alias, _ in columns_of(condition))
        (rest if is_many else simple).append(with_sources(condition, named))
    selected = [(one.name, share(with_sources(one.node, named))) for one in tree.selected]
    return Compiled(
        id=id,
        version=version,
        sources=tuple(named.values()),
        terms=tuple(term_of(condition, share) for condition in simple),
        rest=tuple(share(condition) for condition in rest),
        fields=tuple(Field(key=_key(name, is_first=place == 0), expression=expression) for place, (name, expression) in enumerate(selected)),
    )


def _key(name: str, *, is_first: bool) -> bytes:
    return f"{'{' if is_first else ','}{json.dumps(name, ensure_ascii=False)}:".encode()
