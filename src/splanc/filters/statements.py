"""One SELECT as the three texts of a filter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from .grammar import Text, parse
from .reading import read
from .scope import Scope, scope_of
from .tables import TABLES, joining
from .tree import Column, Joined, Operation, Place

_WORDS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|[(),]|\w+|[^\w\s]")

_FORM = "A filter is SELECT … FROM … WHERE … ORDER BY … LIMIT …."

_NO_CLAUSE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("union", "except", "intersect", "into", "procedure"), "statement"),
        **dict.fromkeys(("group", "having", "window", "distinct", "fetch"), "clause"),
    }
)
"""Words that no statement of a filter has outside of brackets, and the code of the error."""

_NO_JOIN = frozenset({"left", "right", "full", "outer", "natural", "lateral", "cross", "straight_join"})


@dataclass(slots=True, kw_only=True)
class _Part:
    """A table of FROM with what joins it.

    Parameters
    ----------
    table : where its name and alias stand.
    join : where JOIN stands, after which it was named; None after a comma.
    word : "on", "using" or nothing.
    said : where the condition or the columns stand.
    """

    table: Place
    join: Place | None = None
    word: str = ""
    said: Place = (0, 0)


def parse_statement(text: str) -> tuple[str, str, str]:
    """Return one SELECT as the three texts of a filter.

    >>> parse_statement("SELECT ra FROM objects o JOIN alert USING (diaObjectId), watchlist:7 WHERE o.nDiaSources > 3 LIMIT 5;")
    ('ra', 'objects o, alert, watchlist:7', 'o.nDiaSources > 3 LIMIT 5')

    Raises
    ------
    FilterError
        If it is not one SELECT … FROM … WHERE …, or joins tables otherwise than filters do.
    """
    text = text.rstrip().removesuffix(";")
    whole = Text(part="statement", text=text)
    words = list(_top_words(text))
    found = {word: place for word, place in reversed(words) if word in ("from", "where", "order", "limit")}
    if not words or words[0][0] != "select":
        raise whole.error("a statement begins with SELECT", code="statement", place=words[0][1] if words else (0, 1), hint="SELECT … FROM … WHERE …")
    _refuse_clauses(whole, words)
    if "from" not in found:
        raise whole.error("FROM is missing", code="syntax", place=(len(text), len(text) + 1), hint="SELECT … FROM … WHERE …")
    ends = sorted(place[0] for word, place in found.items() if word != "from" and place > found["from"])
    tables = _joined(whole, words, (found["from"][1], ends[0] if ends else len(text)))
    rest = text[ends[0] :] if ends else ""
    conditions = rest[len("where") :] if rest[:5].lower() == "where" else rest
    return text[words[0][1][1] : found["from"][0]].strip(), tables, conditions.strip()


def _top_words(text: str) -> Iterator[tuple[str, Place]]:
    """Yield the words and commas of a statement that stand in no brackets and no quotes, in small letters."""
    depth = 0
    for match in _WORDS.finditer(text):
        depth += (match.group() == "(") - (match.group() == ")")
        if depth == 0 and (match.group()[0].isalpha() or match.group() == ","):
            yield match.group().lower(), match.span()


def _refuse_clauses(whole: Text, words: list[tuple[str, Place]]) -> None:
    for number, (word, place) in enumerate(words):
        if word in _NO_CLAUSE:
            raise whole.error(f"{word.upper()} is not allowed in a filter", code=_NO_CLAUSE[word], place=place, hint=_FORM)
        if word == "select" and number:
            raise whole.error("there is a second SELECT", code="subquery", place=place, hint="A filter is one statement without others inside.")
        if word == "offset" and all(before != "limit" for before, _ in words[:number]):
            raise whole.error("OFFSET stands after LIMIT and a number", code="clause", place=place, hint="Such as `LIMIT 10 OFFSET 20`.")


def _joined(whole: Text, words: list[tuple[str, Place]], within: Place) -> str:
    """Return the tables of FROM with commas between, after a look at what joins them."""
    parts = _parts(whole, [(word, place) for word, place in words if within[0] <= place[0] < within[1]], within)
    texts = [whole.text[slice(*part.table)].strip() for part in parts]
    tables = ", ".join(texts)
    if any(part.join or part.word for part in parts):
        scope = scope_of(Text(part="tables", text=tables))
        for number, part in enumerate(parts):
            _check_join(whole, scope, part, texts[: number + 1])
    return tables


def _parts(whole: Text, words: list[tuple[str, Place]], within: Place) -> list[_Part]:
    parts = [_Part(table=within)]
    inner: Place | None = None
    for word, place in words:
        if word in _NO_JOIN:
            hint = "Tables are joined by the alert they belong to: name them with commas between, or with JOIN and ON."
            raise whole.error(f"{word.upper()} is not allowed here", code="join", place=place, hint=hint)
        if word in (",", "join"):
            _end(parts[-1], (inner or place)[0])
            parts.append(_Part(table=(place[1], within[1]), join=place if word == "join" else None))
        elif word in ("on", "using") and not parts[-1].word:
            _end(parts[-1], place[0])
            parts[-1].word, parts[-1].said = word, (place[1], within[1])
        inner = place if word == "inner" else None
    return parts


def _end(part: _Part, at: int) -> None:
    """Set where what was last said of a table ends."""
    if part.word:
        part.said = (part.said[0], at)
    else:
        part.table = (part.table[0], at)


def _check_join(whole: Text, scope: Scope, part: _Part, named: list[str]) -> None:
    """Refuse what joins a table, the last of those named, otherwise than filters do.

    Raises
    ------
    FilterError
        If it does.
    """
    if not part.join:
        if part.word:
            raise whole.error(f"{part.word.upper()} stands after JOIN and a table", code="join", place=part.said)
        return
    mine, others = _own(named[-1])[0], [one for text in named[:-1] for one in _own(text)]
    hint = _as_it_is(scope, mine, others[0])
    if not part.word:
        raise whole.error("JOIN needs ON", code="join", place=part.join, hint=hint)
    pairs = _pairs_of_using(whole, part, mine, others) if part.word == "using" else _pair_of_on(whole, scope, part, mine)
    if not any(one is not None and one == _meaning(scope, *other) for one, other in ((_meaning(scope, *left), right) for left, right in pairs)):
        start, end = part.said
        place = (end - len(whole.text[start:end].lstrip()), start + len(whole.text[start:end].rstrip()))
        raise whole.error("filters do not join these tables so", code="join", place=place, hint=hint)


def _own(text: str) -> tuple[Joined, ...]:
    """Return what one table of FROM joins, without the base that is joined to all."""
    joined = scope_of(Text(part="tables", text=text)).joined
    return joined[1:] or joined


_Pair: TypeAlias = tuple[tuple[Joined, str], tuple[Joined, str]]
"""Columns that are said to be equal."""


def _pairs_of_using(whole: Text, part: _Part, mine: Joined, others: list[Joined]) -> list[_Pair]:
    column = re.fullmatch(r"\s*\(\s*`?(\w+)`?\s*\)\s*", whole.text[slice(*part.said)])
    return [((mine, column[1]), (other, column[1])) for other in others] if column else []


def _pair_of_on(whole: Text, scope: Scope, part: _Part, mine: Joined) -> list[_Pair]:
    start, end = part.said
    condition = scope.of(Text(part=whole.part, text=re.sub(r"\S", " ", whole.text[:start]) + whole.text[start:end]))
    said = parse(condition.text, lambda parser: parser._parse_disjunction())  # noqa: SLF001 -- sqlglot's parsers are made to be extended so
    node = read(condition, said) if said else None
    if not (isinstance(node, Operation) and node.name == "="):
        return []
    by_alias = {joined.alias: joined for joined in scope.joined}
    columns = [(by_alias[one.source], one.name) for one in node.arguments if isinstance(one, Column)]
    if len(columns) < len(node.arguments) or mine not in [joined for joined, _ in columns]:
        return []
    return [(columns[0], columns[1])] if columns[0][0] != columns[1][0] or mine == scope.joined[0] else []


def _meaning(scope: Scope, joined: Joined, column: str) -> str | None:
    """Return which column of the base a column of a table equals where both are joined; None if none."""
    base = scope.joined[0]
    spelt = {name.lower(): name for name in TABLES[joined.table].columns.names}.get(column.lower())
    here, there = (spelt, spelt) if joined == base or spelt == "diaObjectId" else joining(joined.table, base.table)
    return there if spelt == here else None


def _as_it_is(scope: Scope, mine: Joined, other: Joined) -> str:
    base = scope.joined[0]
    joined = other if mine == base else mine
    called = {**{one.alias: one.alias for one in scope.joined}, **{one.alias: alias for alias, one in scope.aliases.items()}}
    here, there = joining(joined.table, base.table)
    return f"Write `ON {called[base.alias]}.{there} = {called[joined.alias]}.{here}`; other conditions stand after WHERE."
