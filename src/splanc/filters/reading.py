"""From sqlglot's nodes to a filter's: names found, kinds made to fit, and nothing let through that has no entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sqlglot import exp

from .checking import applied
from .fitting import fit, operation
from .functions import SHIFTS, is_function, read_function
from .grammar import PLACE
from .intervals import UNITS, shifted
from .operations import OPERATIONS
from .rules import Take
from .scope import Scope, find_column
from .tree import Kind, Node, Operation, Place, Value
from .weighing import DEEPEST_NODES, check_weight

MOST_IN = 500
"""Most values in an IN list; a longer one is a watchlist."""

_LARGEST_INTEGER = 2**63 - 1
_TRUTH = "It can be followed by NULL, TRUE, FALSE or UNKNOWN only."


def read(scope: Scope, node: exp.Expr) -> Node:
    """Return what a node of sqlglot means.

    Raises
    ------
    FilterError
        If filters cannot say it, or it does not fit what is around it.
    """
    entry = _READERS.get(type(node))
    if entry is None or any(value for key, value in node.args.items() if key not in entry[1]):
        raise refused(scope, node)
    return entry[0](scope, node)


def read_root(scope: Scope, node: exp.Expr) -> Node:
    """Return what a whole expression means, after a look at its size.

    Raises
    ------
    FilterError
        As `read`, and if the expression is too deep or would grow too large.
    """
    _check_depth(scope, node)
    found = read(scope, node)
    check_weight(scope.text, found)
    return found


def read_condition(scope: Scope, node: exp.Expr) -> Node:
    """Return what a whole condition means.

    Raises
    ------
    FilterError
        As `read_root`.
    """
    _check_depth(scope, node)
    found = fit(scope, Take.condition, read(scope, node))
    check_weight(scope.text, found)
    return found


def place_of(node: exp.Expr) -> Place:
    """Return where a node stands in its text."""
    if PLACE in node.meta:
        return node.meta[PLACE]
    places = [place_of(child) for child in node.iter_expressions()]
    if "start" in node.meta:
        places.append((node.meta["start"], node.meta["end"] + 1))
    return min((start for start, _ in places), default=0), max((end for _, end in places), default=1)


_NAMED: Mapping[type[exp.Expr], tuple[str, str, str]] = MappingProxyType(
    {
        exp.Subquery: ("subquery", "sub-queries are not allowed", "Name the table in the filter's tables instead."),
        exp.Select: ("subquery", "sub-queries are not allowed", "Name the table in the filter's tables instead."),
        exp.Exists: ("subquery", "sub-queries are not allowed", "Name the table in the filter's tables instead."),
        exp.Any: ("subquery", "ANY, ALL and SOME are not allowed", "Write IN with a list of values."),
        exp.All: ("subquery", "ANY, ALL and SOME are not allowed", "Write IN with a list of values."),
        exp.Window: ("window", "window functions are not allowed", "A filter sees one alert at a time."),
        exp.Star: ("star", "`*` cannot stand here", "It stands for all columns, alone or after a table, where columns are selected."),
        exp.Tuple: ("tuple", "several values in brackets stand after IN only", "Compare them one by one, with AND between."),
        exp.Alias: ("alias", "AS stands in what is selected only", "Repeat the expression itself."),
        exp.RegexpLike: ("operator", "regular expressions are not allowed", "LIKE compares with a pattern of `%` and `_`."),
        exp.Interval: ("interval", "INTERVAL stands after plus or minus a moment only", "Such as `now() - INTERVAL 3 DAY`."),
        exp.Collate: ("collate", "COLLATE is not allowed", "Texts are compared whatever the case of their letters."),
        exp.Distinct: ("clause", "DISTINCT is not allowed", "Each alert is one row."),
        exp.Concat: ("syntax", "two texts stand next to each other", "Write concat() to join texts."),
        exp.Dot: ("function", "a function is named without a table", "Such as `abs(objects.ra)`."),
        exp.Soundex: ("operator", "SOUNDS LIKE is not an operator of filters", "LIKE compares with a pattern of `%` and `_`."),
        exp.PropertyEQ: ("variable", "assignments are not allowed", "`=` compares."),
    }
)
"""What is refused by a name of its own: code of the error, what is wrong, what to do."""


def refused(scope: Scope, node: exp.Expr) -> Exception:
    """Return the error for what no filter can say."""
    inner = node.args.get("query") or node
    code, why, hint = _NAMED.get(type(inner), ("operator", f"{_spelt(node)} is not an operator of filters", "The documentation of filters lists all."))
    if isinstance(node, exp.Column):
        code, why, hint = "column", "a column is named by its table and its name at most", "Such as `objects.ra`."
    return scope.text.error(why, code=code, place=place_of(inner), hint=hint)


def _spelt(node: exp.Expr) -> str:
    signs: dict[Any, str] = {exp.BitwiseAnd: "`&`", exp.BitwiseOr: "`|`", exp.BitwiseXor: "`^`", exp.BitwiseLeftShift: "`<<`", exp.BitwiseRightShift: "`>>`"}
    return signs.get(type(node), type(node).__name__.upper())


def _check_depth(scope: Scope, root: exp.Expr) -> None:
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST_NODES:
            why = f"operations stand more than {DEEPEST_NODES} deep in one another"
            raise scope.text.error(why, code="limit", place=place_of(root), hint="Say it in fewer steps.")
        flat = isinstance(node, exp.And | exp.Or)
        waiting += [(child, depth + (not flat or type(child) is not type(node))) for child in node.iter_expressions()]


def _literal(scope: Scope, node: exp.Expr) -> Node:
    place, text = place_of(node), node.this
    if node.args.get("is_string"):
        return Value(value=text, kind=Kind.text, place=place)
    if text.isdigit() and int(text) <= _LARGEST_INTEGER:
        return Value(value=int(text), kind=Kind.integer, place=place)
    try:
        value = float(text)
    except ValueError:
        raise scope.text.error(f"`{text}` is not a number", code="value", place=place) from None
    if value == float("inf"):
        raise scope.text.error(f"`{text}` is larger than any number can be", code="value", place=place, hint="The largest is 1.797e308.")
    return Value(value=value, kind=Kind.number, place=place)


def _boolean(_scope: Scope, node: exp.Expr) -> Node:
    return Value(value=bool(node.this), kind=Kind.boolean, place=place_of(node))


def _null(_scope: Scope, node: exp.Expr) -> Node:
    return Value(value=None, kind=Kind.null, place=place_of(node))


def _column(scope: Scope, node: exp.Expr) -> Node:
    if not isinstance(node.this, exp.Identifier):
        raise refused(scope, node.this)
    name, table = node.this, node.args.get("table")
    if not table and not name.args.get("quoted") and name.this.lower() in ("current_timestamp", "utc_timestamp", "current_date", "utc_date"):
        return read_function(scope, exp.Anonymous(this=name.this), [], place_of(node))
    return find_column(scope, table.this if table else "", name.this, place_of(node))


def _inside(scope: Scope, node: exp.Expr) -> Node:
    return read(scope, node.this)


def _chain(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what a chain of ANDs or ORs consists of, from left to right."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        inner = part
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if type(inner) is type(node):
            waiting += [inner.expression, inner.this]
        else:
            yield part


def _joined(name: str) -> Callable[[Scope, exp.Expr], Node]:
    def reader(scope: Scope, node: exp.Expr) -> Node:
        return operation(scope, name, _spliced(name, [read(scope, part) for part in _chain(node)]), place_of(node))

    return reader


def _spliced(name: str, parts: list[Node]) -> list[Node]:
    """Return parts with those that are the same operation replaced by theirs: BETWEEN is two conditions of an AND."""
    return [inner for part in parts for inner in (part.arguments if isinstance(part, Operation) and part.name == name else (part,))]


def _binary(name: str) -> Callable[[Scope, exp.Expr], Node]:
    def reader(scope: Scope, node: exp.Expr) -> Node:
        return operation(scope, name, [read(scope, node.this), read(scope, node.expression)], place_of(node))

    return reader


def _whole(name: str) -> Callable[[Scope, exp.Expr], Node]:
    def reader(scope: Scope, node: exp.Expr) -> Node:
        arguments = [read(scope, node.this), read(scope, node.expression)]
        exact = all(argument.kind in (Kind.integer, Kind.boolean) for argument in arguments)
        return operation(scope, f"{name}_integers" if exact else name, arguments, place_of(node))

    return reader


def _added(name: str, sign: int) -> Callable[[Scope, exp.Expr], Node]:
    plain = _binary(name)

    def reader(scope: Scope, node: exp.Expr) -> Node:
        if isinstance(node.expression, exp.Interval):
            return shifted(scope, read(scope, node.this), node.expression, sign, place_of(node))
        if sign > 0 and isinstance(node.this, exp.Interval):
            return shifted(scope, read(scope, node.expression), node.this, sign, place_of(node))
        return plain(scope, node)

    return reader


def _negative(scope: Scope, node: exp.Expr) -> Node:
    inner, place = read(scope, node.this), place_of(node)
    if isinstance(inner, Value) and isinstance(inner.value, int | float) and inner.kind in (Kind.integer, Kind.number):
        return Value(value=-inner.value, kind=inner.kind, place=place)
    return operation(scope, "negative", [inner], place)


def _not(scope: Scope, node: exp.Expr) -> Node:
    return operation(scope, "not", [read(scope, node.this)], place_of(node))


def _is(scope: Scope, node: exp.Expr) -> Node:
    value = node.expression
    if isinstance(value, exp.Null):
        return operation(scope, "is_null", [read(scope, node.this)], place_of(node))
    if isinstance(value, exp.Boolean):
        return operation(scope, "is_true" if value.this else "is_false", [read(scope, node.this)], place_of(node))
    raise scope.text.error("IS does not compare with this", code="operator", place=place_of(value), hint=_TRUTH)


def _in(scope: Scope, node: exp.Expr) -> Node:
    values = node.expressions
    if not values:
        raise scope.text.error("IN needs a list of values", code="syntax", place=place_of(node), hint="Such as `IN ('SN', 'NT')`.")
    if len(values) > MOST_IN:
        raise scope.text.error(f"the list has {len(values)} values, {MOST_IN} are allowed", code="limit", place=place_of(node), hint="Make it a watchlist.")
    return operation(scope, "in", [read(scope, node.this), *(read(scope, value) for value in values)], place_of(node))


def _between(scope: Scope, node: exp.Expr) -> Node:
    value, place = read(scope, node.this), place_of(node)
    low = operation(scope, ">=", [value, read(scope, node.args["low"])], place)
    high = operation(scope, "<=", [value, read(scope, node.args["high"])], place)
    return operation(scope, "and", [low, high], place)


def _like(scope: Scope, node: exp.Expr, escape: str = "") -> Node:
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.args.get("is_string")):
        raise scope.text.error("the pattern of LIKE must be a text in quotes", code="type", place=place_of(pattern))
    value = Value(value=_pattern(scope, pattern, escape), kind=Kind.text, place=place_of(pattern))
    found = operation(scope, "like", [read(scope, node.this), value], place_of(node))
    return operation(scope, "not", [found], place_of(node)) if node.args.get("negate") else found


def _pattern(scope: Scope, node: exp.Expr, escape: str) -> str:
    """Return a pattern with a backslash before what means itself."""
    characters, found = iter(node.this), []
    for character in characters:
        if escape and character == escape:
            meant = next(characters, "")
            if meant not in ("%", "_", escape) or not meant:
                raise scope.text.error(f"after `{escape}` must follow `%`, `_` or itself", code="value", place=place_of(node))
            character = "\\" + meant if meant in "%_" else meant  # noqa: PLW2901 -- two characters of the text are one
        found.append(character)
    return "".join(found)


def _escape(scope: Scope, node: exp.Expr) -> Node:
    sign = node.expression
    if not isinstance(node.this, exp.Like) or not isinstance(sign, exp.Literal) or len(sign.this) != 1 or sign.this in "%_":
        raise scope.text.error(
            "ESCAPE stands after LIKE, with one character in quotes", code="value", place=place_of(sign), hint="Such as `LIKE '5!%' ESCAPE '!'`."
        )
    return _like(scope, node.this, sign.this)


def _case(scope: Scope, node: exp.Expr) -> Node:
    place, subject = place_of(node), node.this
    if not node.args["ifs"]:
        raise scope.text.error("CASE needs WHEN", code="syntax", place=place, hint="Such as `CASE WHEN z < 0.1 THEN 'near' ELSE 'far' END`.")
    arguments: list[Node] = []
    for branch in node.args["ifs"]:
        if branch.args.get("true") is None:
            raise scope.text.error("WHEN needs THEN and a value", code="syntax", place=place_of(branch))
        condition = read(scope, branch.this)
        arguments.append(operation(scope, "=", [read(scope, subject), condition], condition.place) if subject else condition)
        arguments.append(read(scope, branch.args["true"]))
    default = node.args.get("default")
    arguments.append(read(scope, default) if default else Value(value=None, kind=Kind.null, place=place))
    return operation(scope, "case", arguments, place)


def _call(scope: Scope, node: exp.Expr) -> Node:
    place = place_of(node)
    if isinstance(node.this, exp.Identifier):
        raise scope.text.error("a name in backticks is no function", code="function", place=place)
    interval = next((argument for argument in node.expressions if isinstance(argument, exp.Interval)), None)
    if node.name.lower() in SHIFTS and interval is not None and len(node.expressions) == 2:
        return shifted(scope, read(scope, node.expressions[0]), interval, SHIFTS[node.name.lower()], place)
    return read_function(scope, node, _arguments(scope, node), place)


def _arguments(scope: Scope, node: exp.Expr) -> list[Node]:
    if not is_function(node.name):
        return []
    first, *others = node.expressions or [None]
    if node.name.lower() in ("timestampdiff", "timestampadd") and isinstance(first, exp.Column):
        unit = Value(value=first.name.lower(), kind=Kind.text, place=place_of(first))
        return [unit, *(read(scope, argument) for argument in others)]
    return [read(scope, argument) for argument in node.expressions]


def _extract(scope: Scope, node: exp.Expr) -> Node:
    unit = node.this.name.lower()
    if unit not in UNITS:
        why, hint = f"`{node.this.name}` is no part of a moment", f"Parts are {', '.join(UNITS)}."
        raise scope.text.error(why, code="value", place=place_of(node), hint=hint)
    return operation(scope, unit, [read(scope, node.expression)], place_of(node))


def _trim(scope: Scope, node: exp.Expr) -> Node:
    part = node.args.get("expression")
    wanted = read(scope, part) if part else Value(value=" ", kind=Kind.text, place=place_of(node))
    return applied(scope, OPERATIONS[f"trim_{node.args['position'] or 'both'}"], [read(scope, node.this), wanted], place_of(node))


def _position(scope: Scope, node: exp.Expr) -> Node:
    return operation(scope, "locate", [read(scope, node.args["substr"]), read(scope, node.this)], place_of(node))


_CASTS: Mapping[str, Take | str] = MappingProxyType(
    {
        "DOUBLE": "as_double",
        "FLOAT": "as_double",
        "BIGINT": "as_integer",
        "INT": "as_integer",
        "CHAR": Take.text,
        "VARCHAR": Take.text,
        "DATE": "date",
        "DATETIME": "whole_second",
        "TIMESTAMP": Take.moment,
        "TIMESTAMPTZ": Take.moment,
    }
)
"""Types, and what makes a value one of them."""


def _cast(scope: Scope, node: exp.Expr) -> Node:
    to, place = node.args["to"], place_of(node)
    wanted = _CASTS.get(to.this.name if isinstance(to, exp.DataType) and isinstance(to.this, exp.DType) else "")
    digits = [one.name for one in to.expressions] if wanted == "whole_second" else []
    if wanted is None or (to.expressions and digits != ["6"]) or to.args.get("nested"):
        hint = "Types are DOUBLE, SIGNED, CHAR, DATE, DATETIME and DATETIME(6)."
        raise scope.text.error("there is no CAST to this type", code="type", place=place, hint=hint)
    inner = read(scope, node.this)
    if isinstance(wanted, Take) or digits:
        return fit(scope, wanted if isinstance(wanted, Take) else Take.moment, inner)
    if wanted in ("date", "whole_second"):
        return operation(scope, wanted, [inner], place)
    number = operation(scope, "as_number", [inner], place) if inner.kind in (Kind.text, Kind.json) else inner
    kind = Kind.integer if wanted == "as_integer" else Kind.number
    return number if number.kind is kind else operation(scope, wanted, [number], place)


_TWO = frozenset({"this", "expression"})
_READERS: Mapping[type[exp.Expr], tuple[Callable[[Scope, Any], Node], frozenset[str]]] = MappingProxyType(
    {
        exp.Literal: (_literal, frozenset({"this", "is_string"})),
        exp.Boolean: (_boolean, frozenset({"this"})),
        exp.Null: (_null, frozenset()),
        exp.Column: (_column, frozenset({"this", "table"})),
        exp.Paren: (_inside, frozenset({"this"})),
        exp.And: (_joined("and"), _TWO),
        exp.Or: (_joined("or"), _TWO),
        exp.Xor: (_binary("xor"), _TWO),
        exp.Not: (_not, frozenset({"this"})),
        exp.EQ: (_binary("="), _TWO),
        exp.NEQ: (_binary("<>"), _TWO),
        exp.LT: (_binary("<"), _TWO),
        exp.LTE: (_binary("<="), _TWO),
        exp.GT: (_binary(">"), _TWO),
        exp.GTE: (_binary(">="), _TWO),
        exp.NullSafeEQ: (_binary("<=>"), _TWO),
        exp.Is: (_is, _TWO),
        exp.In: (_in, frozenset({"this", "expressions"})),
        exp.Between: (_between, frozenset({"this", "low", "high"})),
        exp.Like: (_like, frozenset({"this", "expression", "negate"})),
        exp.Escape: (_escape, _TWO),
        exp.Add: (_added("+", 1), _TWO),
        exp.Sub: (_added("-", -1), _TWO),
        exp.Mul: (_binary("*"), _TWO),
        exp.Div: (_binary("/"), _TWO | {"typed", "safe"}),
        exp.IntDiv: (_whole("div"), _TWO),
        exp.Mod: (_whole("%"), _TWO),
        exp.Neg: (_negative, frozenset({"this"})),
        exp.Case: (_case, frozenset({"this", "ifs", "default"})),
        exp.Anonymous: (_call, frozenset({"this", "expressions"})),
        exp.StrPosition: (_position, frozenset({"this", "substr"})),
        exp.Cast: (_cast, frozenset({"this", "to"})),
        exp.Extract: (_extract, _TWO),
        exp.Trim: (_trim, frozenset({"this", "expression", "position"})),
    }
)
"""What filters can say: how each of sqlglot's nodes is read, and what a node may hold."""
