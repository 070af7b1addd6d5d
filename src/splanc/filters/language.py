"""From a filter's three texts to its tree: what `selected`, `tables` and `conditions` say together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from .grammar import ExpressionParser, Text, parse
from .reading import place_of, read_condition, read_root
from .scope import Scope, find_tables, kind_of, scope_of
from .tables import TABLES
from .tree import Column, Joined, Node, Selected, Tree

MOST_SELECTED = 1_000
"""Most keys in a record; all columns of all tables are fewer."""

LONGEST_NAME = 64
"""Most characters in the name of a selected column, as in MariaDB."""

LARGEST_LIMIT = 1_000_000
"""Most rows that LIMIT may ask of past data, and OFFSET leave out."""

ORDER_NOTE = "ORDER BY and LIMIT hold for past data only: on the stream each alert is judged by itself, when it comes."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    condition: exp.Expr | None
    order: list[exp.Ordered]
    limit: Token | None = None
    offset: Token | None = None


def parse_filter(selected: str, tables: str, conditions: str) -> Tree:
    """Return what a filter's three texts mean.

    >>> tree = parse_filter("objects.ra AS where_ra", "objects", "nDiaSources > 3")
    >>> tree.selected[0].name, tree.selected[0].node.name, tree.conditions.name
    ('where_ra', 'ra', '>')

    Raises
    ------
    FilterError
        If they cannot be understood, with the place.
    """
    scope = scope_of(Text(part="tables", text=tables))
    chosen = _read_selected(scope.of(Text(part="selected", text=selected)))
    scope = scope.of(Text(part="conditions", text=conditions))
    found = parse(scope.text, _conditions) if conditions.strip() else _Conditions(condition=None, order=[])
    order = tuple(_ordered(scope, item, chosen) for item in found.order)
    return Tree(
        selected=chosen,
        joined=scope.joined,
        conditions=read_condition(scope, found.condition) if found.condition else None,
        order=order,
        limit=_count(scope, "LIMIT", found.limit, 1) if found.limit else None,
        offset=_count(scope, "OFFSET", found.offset, 0) if found.offset else 0,
        notes=(ORDER_NOTE,) if order or found.limit is not None else (),
    )


def _selected(parser: ExpressionParser) -> list[exp.Expr]:
    return list(parser._parse_expressions())  # noqa: SLF001 -- sqlglot's parsers are made to be extended so


def _conditions(parser: ExpressionParser) -> _Conditions:
    condition: exp.Expr | None = None
    order: list[exp.Ordered] = []
    if parser._curr.token_type not in (TokenType.ORDER_BY, TokenType.LIMIT):  # noqa: SLF001
        condition = parser._parse_disjunction()  # noqa: SLF001
        if condition is None:
            parser.raise_error("Invalid expression")
    if parser._match(TokenType.ORDER_BY):  # noqa: SLF001
        order = list(parser._parse_csv(parser._parse_ordered))  # noqa: SLF001
    limit, offset = _limits(parser) if parser._match(TokenType.LIMIT) else (None, None)  # noqa: SLF001
    return _Conditions(condition=condition, order=order, limit=limit, offset=offset)


def _limits(parser: ExpressionParser) -> tuple[Token, Token | None]:
    """Return most rows, and how many before them: `n`, `n OFFSET m` or `m, n`."""
    first = _number(parser)
    if parser._match(TokenType.OFFSET):  # noqa: SLF001
        return first, _number(parser)
    return (_number(parser), first) if parser._match(TokenType.COMMA) else (first, None)  # noqa: SLF001


def _number(parser: ExpressionParser) -> Token:
    if not parser._match(TokenType.NUMBER):  # noqa: SLF001
        parser.raise_error("Expected a number")
    return parser._prev  # noqa: SLF001


def _read_selected(scope: Scope) -> tuple[Selected, ...]:
    if not scope.text.text.strip():
        raise scope.text.error("nothing is selected", code="syntax", place=(0, 1), hint="Name columns, or write `*` for all.")
    found: dict[str, Selected] = {}
    for node in parse(scope.text, _selected):
        for item, is_star in _items(scope, node):
            if item.name in found and not is_star and found[item.name].node != item.node:
                hint = f"Give one another name, such as `AS {item.name}_2`."
                raise scope.text.error(f"two columns are called `{item.name}`", code="name", place=place_of(node), hint=hint)
            found.setdefault(item.name, item)
    if len(found) > MOST_SELECTED:
        raise scope.text.error(f"{len(found)} columns are selected, {MOST_SELECTED} are allowed", code="limit", place=(0, len(scope.text.text)))
    return tuple(found.values())


def _items(scope: Scope, node: exp.Expr) -> Iterator[tuple[Selected, bool]]:
    """Yield what one of the selected expressions selects, and whether that is by `*`."""
    star = node if isinstance(node, exp.Star) else node.this if isinstance(node, exp.Column) else None
    if isinstance(star, exp.Star):
        if any(star.args.values()):
            raise scope.text.error("`*` stands alone, or after a table and a dot", code="star", place=place_of(node))
        qualifier = node.args["table"].this if isinstance(node, exp.Column) and node.args.get("table") else ""
        tables = find_tables(scope, qualifier, place_of(node)) if qualifier else scope.joined
        for joined in tables:
            yield from ((column, True) for column in _all_columns(joined))
        return
    if isinstance(node, exp.Alias):
        yield Selected(name=_checked_name(scope, node.args["alias"]), node=read_root(scope, node.this)), False
        return
    found = read_root(scope, node)
    yield Selected(name=_default_name(scope, node, found), node=found), False


def _all_columns(joined: Joined) -> Iterator[Selected]:
    for field in TABLES[joined.table].columns:
        yield Selected(name=field.name, node=Column(source=joined.alias, name=field.name, kind=kind_of(field.type)))


def _checked_name(scope: Scope, alias: exp.Expr) -> str:
    name = str(alias.this)
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        why = f"a name has 1 to {LONGEST_NAME} characters that can be seen"
        raise scope.text.error(why, code="name", place=place_of(alias))
    return name


def _default_name(scope: Scope, node: exp.Expr, found: Node) -> str:
    """Return the survey's spelling of a column, and the text of any other expression."""
    if isinstance(found, Column):
        return found.name
    first, last = place_of(node)
    return " ".join(scope.text.text[first:last].split())


def _ordered(scope: Scope, item: exp.Expr, chosen: tuple[Selected, ...]) -> tuple[Node, bool]:
    inner, down = item.this, bool(item.args.get("desc"))
    if isinstance(inner, exp.Literal):
        raise scope.text.error("ORDER BY needs a column, not its number", code="order", place=place_of(inner))
    if isinstance(inner, exp.Column) and not inner.args.get("table"):
        named = next((selected.node for selected in chosen if selected.name.lower() == inner.name.lower()), None)
        if named is not None:
            return named, down
    return read_root(scope, inner), down


def _count(scope: Scope, word: str, token: Token, least: int) -> int:
    if not token.text.isdigit() or not least <= int(token.text) <= LARGEST_LIMIT:
        why = f"{word} is a whole number from {least} to {LARGEST_LIMIT:,}"
        raise scope.text.error(why, code="limit", place=(token.start, token.end + 1))
    return int(token.text)
