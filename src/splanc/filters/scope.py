"""The tables that a filter joins, and which column a name means."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from .grammar import RESERVED, Text, check_characters
from .tables import TABLES, Table
from .tree import Column, Joined, Kind, Place

OBJECTS, MOVING = "objects", "ss_objects_latest"
"""The base tables: one is always joined, first."""

MOST_TABLES = 12
"""Most tables that a filter may join; each is a lookup for every alert."""

_BY_ANOTHER_NAME = {"objects_ext": OBJECTS, "watchmap": "area"}
"""Tables that are others under a second name."""

_ALIASES = {"watchlist": "watchlist_hits", "area": "area_hits", "skymap": "mma_area_hits"}
"""How columns refer to tables that have another alias than their name, as in Lasair."""

_FORMER = {
    "dec": "decl",
    "watchlists": "watchlist",
    "watchmaps": "watchmap",
    "areas": "area",
    "annotators": "annotator",
    "annotations": "annotator",
    "watchlist_hits": "watchlist",
    "area_hits": "area",
}
"""What users write, and what it is called."""

_TOKEN = re.compile(r"[^,]+")
_TABLE = re.compile(
    r"\s*(`?)(?P<name>\w+)\1\s*(?::\s*(?P<parameter>[^\s,]*(?:\s*&\s*[^\s,&]+)*))?"
    r"(?:\s+(?:as\s+)?(`?)(?P<alias>[a-z_]\w{0,62})\4)?\s*",
    re.ASCII | re.IGNORECASE,
)
_TOPIC = re.compile(r"[a-z_]\w{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What names may mean in a text.

    Parameters
    ----------
    text : that is read.
    joined : the tables; the first is the base.
    aliases : what the filter calls tables by, beside their own names, in small letters.
    """

    text: Text
    joined: tuple[Joined, ...]
    aliases: Mapping[str, Joined] = field(default_factory=dict)

    def of(self, text: Text) -> Scope:
        """Return the same for another text."""
        return replace(self, text=text)


def kind_of(data_type: pa.DataType) -> Kind:
    """Return the kind of a column.

    >>> kind_of(pa.float32()), kind_of(pa.json_())
    (<Kind.number: 'number'>, <Kind.json: 'json'>)
    """
    if isinstance(data_type, pa.JsonType):
        return Kind.json
    tests = (
        (pa.types.is_boolean, Kind.boolean),
        (pa.types.is_integer, Kind.integer),
        (pa.types.is_floating, Kind.number),
        (pa.types.is_timestamp, Kind.moment),
    )
    return next((kind for test, kind in tests if test(data_type)), Kind.text)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint that names what was probably meant; empty if nothing is near.

    >>> nearest("gpsfflux", ["g_psfFlux", "ra"])
    'Did you mean `g_psfFlux`?'
    """
    spelt = {candidate.lower(): candidate for candidate in names}
    found = _FORMER.get(name.lower())
    if found not in spelt.values():
        found = next((spelt[near] for near in difflib.get_close_matches(name.lower(), spelt, n=1, cutoff=0.6)), None)
    return f"Did you mean `{found}`?" if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A table as a filter names it: by which name and alias, and what that joins."""

    name: str
    alias: str
    joined: list[Joined]
    place: Place


def scope_of(text: Text) -> Scope:
    """Return what names may mean given a filter's tables: the base first, then the others as they were written.

    Raises
    ------
    FilterError
        If a table does not exist, lacks its parameter, or is named twice.
    """
    check_characters(Text(part=text.part, text=re.sub(r"[:&]", " ", text.text)))
    found: list[_Named] = []
    for match in _TOKEN.finditer(text.text):
        if match.group().strip():
            found.append(_read_table(text, match))
        elif text.text.strip():
            raise text.error("a table is missing here", code="table", place=match.span(), hint="Tables are separated by one comma each.")
    found = _told_apart(found)
    joined = _with_base(text, found)
    return Scope(text=text, joined=joined, aliases=_aliases_of(text, found, {one.alias: one for one in joined}))


def _read_table(text: Text, match: re.Match[str]) -> _Named:
    start = match.start() + len(match.group()) - len(match.group().lstrip())
    place = (start, start + len(match.group().strip()))
    parts = _TABLE.fullmatch(match.group())
    alias = (parts["alias"] or "").lower() if parts else ""
    if alias in RESERVED:
        raise text.error(f"`{alias}` cannot be an alias", code="table", place=place, hint="It is a word of SQL.")
    if parts is None:
        raise text.error(f"`{match.group().strip()}` is not a table", code="table", place=place, hint=_tables_hint(match.group().split(":")[0].strip()))
    name, parameter = parts["name"].lower(), parts["parameter"]
    table = TABLES.get(name)
    if table is None:
        raise text.error(f"there is no table `{parts['name']}`", code="table", place=place, hint=_tables_hint(name))
    if table.parameter is None:
        if parameter is not None:
            raise text.error(f"`{name}` takes no parameter", code="table", place=place, hint=f"Write `{name}` alone.")
        own = _BY_ANOTHER_NAME.get(name, name)
        return _Named(name=name, alias=alias, joined=[Joined(table=own, alias=own)], place=place)
    if not parameter:
        raise text.error(f"`{name}` needs to know which", code="table", place=place, hint=f"Write {_form(table)}.")
    joined = _with_parameters(text, table, parameter, place)
    if alias and len(joined) > 1:
        raise text.error("several tables cannot have one alias", code="table", place=place, hint=f"They are {', '.join(f'`{one.alias}`' for one in joined)}.")
    return _Named(name=name, alias=alias, joined=joined, place=place)


def _told_apart(found: list[_Named]) -> list[_Named]:
    """Return the tables; those with a parameter that others would be called the same as are called by the aliases that the filter gives them."""
    called = Counter(joined.alias for joined in {joined for one in found for joined in one.joined})

    def own(one: _Named, joined: Joined) -> Joined:
        return replace(joined, alias=one.alias) if one.alias and joined.parameter is not None and called[joined.alias] > 1 else joined

    return [replace(one, joined=[own(one, joined) for joined in one.joined]) for one in found]


def _aliases_of(text: Text, found: list[_Named], own: Mapping[str, Joined]) -> dict[str, Joined]:
    aliases: dict[str, Joined] = {}
    named: dict[tuple[str, int | str | None], str] = {}
    for one in found:
        key = (one.name, one.joined[0].parameter)
        if named.setdefault(key, one.alias) != one.alias:
            raise text.error(f"`{one.name}` is joined with itself", code="table", place=one.place, hint="An alert has its rows in each table once.")
        if not one.alias or aliases.get(one.alias) == one.joined[0]:
            continue
        is_taken = one.alias in aliases or own.get(one.alias, one.joined[0]) != one.joined[0]
        if is_taken or one.alias in {*TABLES, *_FORMER} - {one.name}:
            why = f"`{one.alias}` is another table's name"
            raise text.error(why, code="table", place=one.place, hint="Give it an alias that no table has.")
        aliases[one.alias] = one.joined[0]
    return aliases


def _with_parameters(text: Text, table: Table, parameter: str, place: Place) -> list[Joined]:
    name = _BY_ANOTHER_NAME.get(table.name, table.name)
    values = [value.strip() for value in parameter.split("&")]
    if table.parameter == "topic":
        for value in values:
            if not _TOPIC.fullmatch(value.lower()):
                why = f"`{value}` cannot be an annotator's topic"
                raise text.error(why, code="table", place=place, hint="Topics are made of letters, digits and underscores.")
        return [Joined(table=name, alias=value.lower(), parameter=value.lower()) for value in values]
    if not all(value.isascii() and value.isdigit() and len(value) < 19 for value in values):
        raise text.error(f"`{parameter}` is not the number of one", code="table", place=place, hint=f"Write {_form(table)}.")
    alias = _ALIASES[name]
    if len(values) == 1:
        return [Joined(table=name, alias=alias, parameter=int(values[0]))]
    if name != "area":
        raise text.error("only areas and annotators can be joined with `&`", code="table", place=place, hint="Name each with its own filter.")
    return [Joined(table=name, alias=f"ar{number}", parameter=int(value)) for number, value in enumerate(values)]


def _form(table: Table) -> str:
    return f"`{table.name}:topic`" if table.parameter == "topic" else f"`{table.name}:7`, with the number of one"


def _tables_hint(name: str) -> str:
    listed = ", ".join(f"{table.name}{':…' * (table.parameter is not None)}" for table in TABLES.values())
    return " ".join(filter(None, (nearest(name, TABLES), f"Tables are {listed}.")))


def _with_base(text: Text, found: list[_Named]) -> tuple[Joined, ...]:
    names = {joined.table for named in found for joined in named.joined}
    base = OBJECTS if OBJECTS in names or not names & {MOVING, "mpc_orbits"} else MOVING
    joined = {base: Joined(table=base, alias=base)}
    for table, place in ((table, named.place) for named in found for table in named.joined):
        known = joined.get(table.alias)
        if known is not None and known != table:
            why = f"`{table.alias}` is joined twice, with different parameters" if known.table == table.table else f"`{table.alias}` names two tables"
            raise text.error(why, code="table", place=place, hint="Each needs an alias of its own: `watchlist:7 AS a, watchlist:8 AS b`.")
        joined[table.alias] = table
    if len(joined) > MOST_TABLES:
        raise text.error(f"{len(joined)} tables are joined, {MOST_TABLES} are allowed", code="limit", place=found[-1].place)
    return tuple(joined.values())


def find_column(scope: Scope, qualifier: str, name: str, place: Place) -> Column:
    """Return the column that a name means, in whatever case it is written.

    Raises
    ------
    FilterError
        If there is none, or several could be meant.
    """
    tables = find_tables(scope, qualifier, place) if qualifier else scope.joined
    found = [(joined, column) for joined in tables for column in TABLES[joined.table].columns if column.name.lower() == name.lower()]
    if not found:
        raise _no_column(scope, tables, name, place)
    joined, column = found[0]
    if len(found) > 1 and joined.alias != OBJECTS:
        choices = " or ".join(f"`{other.alias}.{spelt.name}`" for other, spelt in found)
        raise scope.text.error(f"`{name}` is in several tables", code="ambiguous", place=place, hint=f"Write {choices}.")
    return Column(source=joined.alias, name=column.name, kind=kind_of(column.type), place=place)


def find_tables(scope: Scope, qualifier: str, place: Place) -> tuple[Joined, ...]:
    """Return the joined table that a name means: its alias, or its own name.

    Raises
    ------
    FilterError
        If there is none.
    """
    if qualifier.lower() in scope.aliases:
        return (scope.aliases[qualifier.lower()],)
    wanted = _BY_ANOTHER_NAME.get(qualifier.lower(), qualifier.lower())
    found = tuple(joined for joined in scope.joined if joined.alias.lower() == wanted)
    if not found:
        found = tuple(joined for joined in scope.joined if joined.table == wanted)
    if len(found) == 1:
        return found
    names = list(dict.fromkeys([*(joined.alias for joined in scope.joined), *scope.aliases]))
    hint = nearest(qualifier, names)
    if wanted in TABLES:
        hint = f"Add {_form(TABLES[wanted]) if TABLES[wanted].parameter else f'`{wanted}`'} to the tables."
    joined_names = ", ".join(f"`{name}`" for name in names)
    raise scope.text.error(f"no table `{qualifier}` is joined", code="table", place=place, hint=f"{hint} Joined are {joined_names}.".strip())


def _no_column(scope: Scope, tables: tuple[Joined, ...], name: str, place: Place) -> Exception:
    where = f"`{tables[0].alias}`" if len(tables) == 1 else "the joined tables"
    hint = nearest(name, [column.name for joined in tables for column in TABLES[joined.table].columns])
    elsewhere = [table for table in TABLES.values() if any(column.name.lower() == name.lower() for column in table.columns)]
    if elsewhere:
        hint = f"It is in {_form(elsewhere[0]) if elsewhere[0].parameter else f'`{elsewhere[0].name}`'}: add that to the tables."
    return scope.text.error(f"there is no column `{name}` in {where}", code="column", place=place, hint=hint)
