"""Functions as users call them: which operation a name means, with how many arguments, and what those may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp

from ._polars_forms import OFFSETS, UNIT_US
from .fitting import fit, operation
from .grammar import PLACE, words
from .jsonpath import is_path
from .operations import FUNCTIONS
from .rules import Rule, Take
from .scope import Scope, nearest
from .tree import Kind, Node, Operation, Place, Value

REWRITTEN: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "if": ("if(x > 1, 2, 3)", "CASE WHEN x > 1 THEN 2 ELSE 3 END"),
        "nullif": ("nullif(x, 0)", "NULL if both are equal, else the first"),
        "instr": ('instr(name, "SN")', "`locate` with its arguments the other way round"),
        "json_unquote": ("json_unquote(classdict->'$.a')", "the value as text"),
        "curdate": ("curdate()", "`date(now())`; also `current_date`, `utc_date`"),
        "date_add": ("date_add(now(), INTERVAL 1 DAY)", "`now() + INTERVAL 1 DAY`; also `adddate`"),
        "date_sub": ("date_sub(now(), INTERVAL 1 DAY)", "`now() - INTERVAL 1 DAY`; also `subdate`"),
    }
)
"""Functions that are other operations: an example, and what they mean."""

_DATES = frozenset({"curdate", "current_date", "utc_date"})
_SHIFTS = frozenset({"date_add", "date_sub", "adddate", "subdate"})

_AGGREGATES = words("count sum avg min max std stddev stddev_pop stddev_samp variance var_pop var_samp group_concat bit_and bit_or bit_xor any_value")
_WINDOWS = words("row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value")
_SYSTEM = words(
    "load_file sleep benchmark get_lock release_lock is_free_lock user current_user session_user system_user database schema version "
    "connection_id uuid rand random master_pos_wait sys_exec sys_eval extractvalue updatexml last_insert_id row_count found_rows "
    "name_const lo_import lo_export dblink query_to_xml set_config current_setting read_csv read_parquet read_text getenv xp_cmdshell "
    "copy"
)
_UNBOUND = words("repeat space lpad rpad hex unhex to_base64 from_base64 compress uncompress aes_encrypt aes_decrypt")

MOST_YEARS = 1_000
"""How far INTERVAL may shift a moment, years."""

_UNITS = {**{unit: length / UNIT_US["day"] / 365 for unit, length in UNIT_US.items()}, "month": 1 / 12, "year": 1.0}


def is_function(name: str) -> bool:
    """Return whether a name is a function's."""
    return name.lower() in FUNCTIONS or name.lower() in REWRITTEN or name.lower() in _DATES | _SHIFTS


def read_function(scope: Scope, node: exp.Expr, arguments: list[Node], place: Place) -> Node:
    """Return the operation that a call means.

    Raises
    ------
    FilterError
        If there is no such function, or it does not take these arguments.
    """
    name = node.name.lower()
    rewritten = _rewritten(scope, name, arguments, place)
    if rewritten is not None:
        return rewritten
    rules = FUNCTIONS.get(name)
    if rules is None:
        raise _no_function(scope, node, place)
    for rule in rules:
        if _takes(rule, len(arguments)):
            return _called(scope, rule, arguments, place)
    wanted = " or ".join(_count(rule) for rule in rules)
    example = f" Such as `{rules[0].example}`." if rules[0].example else ""
    raise scope.text.error(f"{name}() takes {wanted}, and {len(arguments)} are given", code="arguments", place=place, hint=example.strip())


def _rewritten(scope: Scope, name: str, arguments: list[Node], place: Place) -> Node | None:
    """Return what a function that is another operation means; None if it is none, or has other arguments."""
    now = Operation(name="now", arguments=(), kind=Kind.moment, place=place)
    found: Node | None = None
    match name, arguments:
        case "curdate" | "current_date" | "utc_date", []:
            found = operation(scope, "date", [now], place)
        case "unix_timestamp", []:
            found = operation(scope, name, [now], place)
        case "if", [_, _, _]:
            found = operation(scope, "case", arguments, place)
        case "nullif", [one, _]:
            found = operation(scope, "case", [operation(scope, "=", arguments, place), Value(value=None, kind=Kind.null, place=place), one], place)
        case "instr", [text, part]:
            found = _called(scope, FUNCTIONS["locate"][0], [part, text], place)
        case "json_unquote", [document]:
            found = fit(scope, Take.text, document)
        case _:
            pass
    return found


def _takes(rule: Rule, count: int) -> bool:
    most = len(rule.takes)
    return most - rule.optional <= count and (rule.repeats or count <= most)


def _count(rule: Rule) -> str:
    most, least = len(rule.takes), len(rule.takes) - rule.optional
    number = f"{least} or more" if rule.repeats else str(most) if least == most else f"{least} or {most}"
    return f"{number} argument{'s' * (number != '1')}" if most else "no arguments"


def _called(scope: Scope, rule: Rule, arguments: list[Node], place: Place) -> Operation:
    exact = rule.name == "%" and all(argument.kind in (Kind.integer, Kind.boolean) for argument in arguments)
    found = operation(scope, "%_integers" if exact else rule.name, arguments, place)
    check = _CHECKS.get(rule.name)
    problem = check(*found.arguments) if check else None
    if problem is not None:
        raise scope.text.error(problem[0], code="value", place=problem[2].place, hint=problem[1])
    return found


def _no_function(scope: Scope, node: exp.Expr, place: Place) -> Exception:
    name = node.name.lower()
    place = (place[0], place[0] + len(name)) if PLACE in node.meta else place
    if name in _AGGREGATES:
        return scope.text.error(
            f"{name}() is an aggregate", code="aggregate", place=place, hint="A filter sees one alert at a time; greatest() and least() compare columns."
        )
    if name in _WINDOWS:
        return scope.text.error(f"{name}() is a window function", code="window", place=place, hint="A filter sees one alert at a time.")
    if name in _SYSTEM or name.startswith("pg_"):
        return scope.text.error(f"{name}() is a function of the system, and not allowed", code="function", place=place)
    if name in _UNBOUND:
        return scope.text.error(f"{name}() is not allowed: it makes texts without bound, or hides them", code="function", place=place)
    if name in _SHIFTS:
        return scope.text.error(f"{name}() takes a moment and an INTERVAL", code="arguments", place=place, hint=f"Such as `{REWRITTEN['date_sub'][0]}`.")
    hint = nearest(name, [*FUNCTIONS, *REWRITTEN]) or "The documentation of filters lists all functions."
    return scope.text.error(f"there is no function `{name}`", code="function", place=place, hint=hint)


Problem = tuple[str, str, Node] | None


def _check_path(_document: Node, path: Node) -> Problem:
    if isinstance(path, Value) and is_path(str(path.value)):
        return None
    return (
        f"`{path.value if isinstance(path, Value) else ''}` is not a path",
        "Such as '$.scores.\"SN Ia\"[0]'; names with other signs than letters stand in quotes.",
        path,
    )


def _check_digits(_value: Node, digits: Node | None = None) -> Problem:
    if isinstance(digits, Value) and isinstance(digits.value, int) and abs(digits.value) > 15:
        return "there are 15 digits at most", "", digits
    return None


def _check_count(_text: Node, count: Node) -> Problem:
    return ("this number may not be negative", "", count) if isinstance(count, Value) and isinstance(count.value, int) and count.value < 0 else None


def _check_part(text: Node, start: Node, count: Node | None = None) -> Problem:
    if isinstance(start, Value) and isinstance(start.value, int) and start.value < 1:
        return "places in a text count from 1", "right() gives the end of a text.", start
    return _check_count(text, count) if count is not None else None


def _check_replacement(_text: Node, old: Node, new: Node) -> Problem:
    if isinstance(old, Value) and isinstance(new, Value) and not 0 < len(str(old.value)) >= len(str(new.value)):
        return "what replaces may not be longer than what is replaced, and that may not be empty", "", new
    return None


def _check_search(part: Node, _text: Node) -> Problem:
    return ("this text may not be empty", "", part) if isinstance(part, Value) and not part.value else None


def _check_unit(unit: Node, _one: Node, _other: Node) -> Problem:
    if isinstance(unit, Value) and str(unit.value).lower() in UNIT_US:
        return None
    return "this is no unit of time here", f"Units are {', '.join(UNIT_US)}.", unit


_CHECKS: Mapping[str, Callable[..., Problem]] = MappingProxyType(
    {
        "json_value": _check_path,
        "round": _check_digits,
        "truncate": _check_digits,
        "left": _check_count,
        "right": _check_count,
        "substring": _check_part,
        "replace": _check_replacement,
        "locate": _check_search,
        "timestampdiff": _check_unit,
    }
)
"""What stated arguments must be, beside their kind: what is wrong, a hint, and with which."""


def shifted(scope: Scope, moment: Node, interval: exp.Expr, sign: int, place: Place) -> Operation:
    """Return a moment plus or minus an INTERVAL.

    Raises
    ------
    FilterError
        If the interval is not a whole number of a known unit, or too long.
    """
    unit, number = str(interval.args["unit"]).lower() if interval.args.get("unit") else "", interval.this
    negative = isinstance(number, exp.Neg)
    text = (number.this if negative else number).name if number is not None else ""
    if unit not in OFFSETS or not text.isdigit():
        hint = f"Units are {', '.join(OFFSETS)}."
        raise scope.text.error("INTERVAL needs a whole number and a unit of time", code="interval", place=place, hint=hint)
    count = sign * (-1 if negative else 1) * int(text)
    if abs(count) * _UNITS[unit] > MOST_YEARS:
        raise scope.text.error(f"INTERVAL may be {MOST_YEARS} years long at most", code="limit", place=place)
    stated = (Value(value=count, kind=Kind.integer), Value(value=unit, kind=Kind.text))
    moment = operation(scope, "coalesce", [moment], place) if moment.kind is Kind.null else moment
    return Operation(name="shifted", arguments=(operation(scope, "date", [moment], place).arguments[0], *stated), kind=Kind.moment, place=place)
