"""From the text of a filter to sqlglot's nodes, each with its place; whatever is not an expression is refused here.

sqlglot reads MySQL whole, with its comments, sub-queries, variables and functions that mean something to it alone. Here it reads
expressions only: what texts may be made of is listed, token by token, and a function is a name with arguments until `reading` finds it
in the table of operations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import SqlglotError
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.tokenizer_core import Token, TokenType
from typing_extensions import override

from ..errors import FilterError
from .tree import Place

LONGEST_TEXT = 16_384
"""Most characters in one of a filter's texts; Lasair's statements have 4,096 at most."""

DEEPEST = 40
"""Most brackets inside one another; nobody reads more, and each costs the parser stack."""

MOST_TOKENS = 2_000
"""Most words, numbers and signs in a text: what 10 ms are enough for."""

_SIGNIFICANT = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--|/\*|\*/|'|\"|`|[#\\;@{}\[\]?:$^~]|(?<!&)&(?!&)|(?<!\|)\|(?!\|)|[^\t\n\r -~]")
"""What the scan for hidden text looks at: whole quoted texts, and outside of them each sign that may not stand there."""

_SIGNS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "--": ("comment", "comments are not allowed, and `--` begins one", "Write the filter's description instead; for two minus signs write `- -`."),
        "#": ("comment", "comments are not allowed, and `#` begins one", "Write the filter's description instead."),
        "/*": ("comment", "comments and hints are not allowed", "Write the filter's description instead."),
        "*/": ("comment", "comments and hints are not allowed", "Write the filter's description instead."),
        ";": ("statements", "a filter is one statement, without `;`", "Remove what follows, and the `;` itself."),
        "@": ("variable", "variables are not allowed", "Write the value itself."),
        "?": ("variable", "placeholders are not allowed", "Write the value itself."),
        ":": ("variable", "`:` is not allowed in an expression", "Parameters of tables, as in `watchlist:7`, stand in the tables."),
        "\\": ("character", "backslashes are not allowed", "Quotes are doubled inside a text: 'it''s'. For LIKE see ESCAPE."),
        "'": ("syntax", "a text begins here that does not end", "Close it with `'`; a quote inside a text is doubled: 'it''s'."),
        '"': ("syntax", "a text begins here that does not end", 'Close it with `"`.'),
        "`": ("syntax", "a name begins here that does not end", "Close it with a backtick."),
        "[": ("character", "square brackets are not allowed", "A list stands in round brackets: IN ('SN', 'NT')."),
        "]": ("character", "square brackets are not allowed", "A list stands in round brackets: IN ('SN', 'NT')."),
        "{": ("character", "curly brackets are not allowed", "A date is a text in quotes: '2026-11-25'."),
        "}": ("character", "curly brackets are not allowed", "A date is a text in quotes: '2026-11-25'."),
        "$": ("variable", "placeholders are not allowed", "Write the value itself; a path into JSON stands in quotes."),
        "&": ("operator", "`&` is not an operator of filters", "Write AND between conditions."),
        "|": ("operator", "`|` is not an operator of filters", "Write OR between conditions, and concat() to join texts."),
        "^": ("operator", "`^` is not an operator of filters", "Write pow(x, y) for powers, XOR between conditions."),
        "~": ("operator", "`~` is not an operator of filters", "Write LIKE to compare with a pattern."),
    }
)
"""Signs that may not stand outside of quotes: code of the error, what is wrong, what to do."""


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_STATEMENTS = words(
    "select union except intersect insert update delete drop create alter truncate grant revoke set show call execute replace load into "
    "with copy attach install pragma describe explain use values lock rename begin commit rollback handler do"
)
"""Words that begin or continue a statement."""

_CLAUSES = words("from where offset group having window partition over procedure for qualify lateral join using natural distinct straight_join")
"""Words of clauses that filters do not have."""

_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "where": "Conditions are what follows it.",
        "offset": "It stands after LIMIT and a number, as in `LIMIT 10 OFFSET 20`.",
        "distinct": "Each alert is one row.",
        "from": "Tables stand in the filter's tables.",
    }
)

RESERVED = _STATEMENTS | _CLAUSES | words("and or xor not on as left right full inner outer cross order limit for in is like between null true false")
"""Words that cannot be a table's alias."""

_TYPED = (TokenType.HEX_STRING, TokenType.BIT_STRING, TokenType.NATIONAL_STRING, TokenType.INTRODUCER, TokenType.BYTE_STRING)

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One of a filter's texts, and which.

    Parameters
    ----------
    part : "selected", "tables", "conditions" or "statement".
    text : as the user wrote it.
    """

    part: str
    text: str

    def error(self, why: str, *, code: str, place: Place, hint: str = "") -> FilterError:
        """Return the error at a place of this text."""
        return FilterError(why, code=code, hint=hint, part=self.part, text=self.text, place=place)


class ExpressionParser(MySQLParser):
    """sqlglot's parser of MySQL, made narrow: functions are names with arguments, and nodes know their place."""

    FUNCTIONS: ClassVar[Any] = {}
    NO_PAREN_FUNCTIONS: ClassVar[Any] = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[Any] = {"CASE": MySQLParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}
    FUNCTION_PARSERS: ClassVar[Any] = {
        **{name: MySQLParser.FUNCTION_PARSERS[name] for name in ("CAST", "EXTRACT", "POSITION")},
        **dict.fromkeys(("SUBSTRING", "SUBSTR", "MID"), lambda self: self.substring()),
        "CONVERT": lambda self: self.converted(),
        "TRIM": lambda self: self.trimmed(),
    }
    FUNC_TOKENS: ClassVar[Any] = {*MySQLParser.FUNC_TOKENS, TokenType.REPLACE, TokenType.SET, TokenType.INTERVAL}
    COLUMN_OPERATORS: ClassVar[Any] = {
        TokenType.DOT: None,
        TokenType.ARROW: lambda self, this, path: self.extracted(this, path),
        TokenType.DARROW: lambda self, this, path: self.extracted(this, path),
    }

    def extracted(self, document: Any, path: Any) -> Any:
        """Return what `->` means as a call."""
        if path is None:
            self.raise_error("Expected a path")
        return self.expression(exp.Anonymous(this="json_extract", expressions=[document, path]))

    def substring(self) -> Any:
        """Return what SUBSTRING(text FROM n FOR n) means as a call, with FROM or commas."""
        arguments: list[Any] = self._parse_csv(self._parse_disjunction)
        for word in (TokenType.FROM, TokenType.FOR):
            if len(arguments) in (1, 2) and self._match(word):
                arguments.append(self._parse_disjunction())
        return self.expression(exp.Anonymous(this="substring", expressions=arguments))

    def converted(self) -> Any:
        """Return what CONVERT(x, type) means as a CAST."""
        value = self._parse_disjunction()
        if not self._match(TokenType.COMMA):
            self.raise_error("Expected a comma and a type")
        return self.expression(exp.Cast(this=value, to=self._parse_types()))

    def trimmed(self) -> Any:
        """Return what TRIM(LEADING x FROM text) means; without FROM it is a call like others."""
        side = self._prev.text.lower() if self._match_texts(("LEADING", "TRAILING", "BOTH")) and self._prev else ""
        arguments = [] if side and self._match(TokenType.FROM, advance=False) else self._parse_csv(self._parse_disjunction)
        if not self._match(TokenType.FROM):
            if side:
                self.raise_error("Expected FROM")
            return self.expression(exp.Anonymous(this="trim", expressions=arguments))
        return self.expression(exp.Trim(this=self._parse_disjunction(), expression=next(iter(arguments), None), position=side))

    @override
    def raise_error(self, message: str, token: Any = None) -> None:
        raise Unreadable(message, token or self._curr or None)

    @override
    def expression(self, instance: Any, token: Any = None, comments: Any = None) -> Any:
        node = super().expression(instance, token, comments)
        if self._prev:
            starts = [child.meta[PLACE][0] for child in node.iter_expressions() if PLACE in child.meta]
            node.meta[PLACE] = (min(starts, default=self._prev.start), self._prev.end + 1)
        return node

    @override
    def _parse_unary(self) -> Any:
        first = self._curr
        node = super()._parse_unary()
        if node and first and self._prev:
            node.meta[PLACE] = (first.start, self._prev.end + 1)
        return node


PLACE = "place"
"""Under which key nodes of sqlglot hold their place."""


class Unreadable(Exception):
    """sqlglot's parser cannot go on at a token."""

    def __init__(self, message: str, token: Token | None) -> None:
        super().__init__(message)
        self.token = token


class ExpressionDialect(MySQL):
    """sqlglot's MySQL, without commands: their words begin expressions too, such as `replace(`."""

    class Tokenizer(MySQL.Tokenizer):
        """The tokenizer of MySQL, for which no word makes the rest of a text one token."""

        COMMANDS: ClassVar[Any] = set()


_DIALECT = ExpressionDialect()


def parse(text: Text, method: Callable[[ExpressionParser], Parsed]) -> Parsed:
    """Return what a method of the parser makes of a whole text.

    Raises
    ------
    FilterError
        If the text holds what no filter may hold, or the method does not take all of it.
    """
    tokens = tokenized(text)
    parser = ExpressionParser(dialect=_DIALECT)
    found: list[Parsed] = []

    def once(_parser: Any) -> None:
        found.append(method(parser))

    try:
        parser._parse(once, tokens, text.text)  # noqa: SLF001 -- the one entry that takes a method
    except Unreadable as error:
        raise unreadable(text, error) from None
    except RecursionError:
        raise text.error("operations stand too deep in one another", code="limit", place=(0, len(text.text)), hint="Say it in fewer steps.") from None
    except (SqlglotError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise text.error("this cannot be read as an expression", code="syntax", place=(0, len(text.text))) from error
    if not found:
        raise unreadable(text, Unreadable("Invalid expression", tokens[0] if tokens else None))
    return found[0]


def tokenized(text: Text) -> list[Token]:
    """Return a text's tokens, after a look at each character and each token.

    Raises
    ------
    FilterError
        If the text is too long, or holds what no filter may hold.
    """
    if len(text.text) > LONGEST_TEXT:
        raise text.error(f"the text has {len(text.text)} characters, {LONGEST_TEXT} are allowed", code="limit", place=(LONGEST_TEXT, LONGEST_TEXT + 1))
    check_characters(text)
    try:
        tokens = _DIALECT.tokenize(text.text)
    except SqlglotError as error:
        raise text.error("this cannot be read as words, numbers and texts", code="syntax", place=(0, len(text.text))) from error
    if len(tokens) > MOST_TOKENS:
        token = tokens[MOST_TOKENS]
        raise text.error(f"the text has {len(tokens)} words and signs, {MOST_TOKENS} are allowed", code="limit", place=(token.start, token.end + 1))
    _check_depth(text, tokens)
    _check_sequence(text, tokens)
    for token in tokens:
        if token.token_type in _TYPED:
            raise text.error("only plain texts and decimal numbers are allowed", code="value", place=(token.start, token.end + 1))
    return tokens


def check_characters(text: Text) -> None:
    """Refuse comments, statements, variables and characters that hide something; quoted texts may hold what can be seen."""
    for match in _SIGNIFICANT.finditer(text.text):
        sign = match.group()
        if len(sign) > 1 and sign[0] in "'\"`":
            _check_quoted(text, match)
        elif sign in _SIGNS:
            code, why, hint = _SIGNS[sign]
            raise text.error(why, code=code, place=match.span(), hint=hint)
        else:
            why = f"the character {described(sign)} is not allowed outside of a text"
            raise text.error(why, code="character", place=match.span(), hint="Names, numbers and operators are plain ASCII.")


def _check_quoted(text: Text, match: re.Match[str]) -> None:
    for at, character in enumerate(match.group(), match.start()):
        if character == "\\" or unicodedata.category(character)[0] == "C":
            code, why, hint = (
                _SIGNS["\\"] if character == "\\" else ("character", f"the character {described(character)} cannot be seen, and is not allowed", "")
            )
            raise text.error(why, code=code, place=(at, at + 1), hint=hint)


def described(character: str) -> str:
    """Return a character as an error shows it: itself where it can be seen, and its number.

    >>> described("é"), described(chr(0))
    ("'é' (U+00E9)", 'U+0000')
    """
    number = f"U+{ord(character):04X}"
    return f"{character!r} ({number})" if character.isprintable() else number


_OPENED = (TokenType.COMMA, TokenType.L_PAREN, None)
_CLOSED = (TokenType.COMMA, TokenType.R_PAREN, None)


def _check_sequence(text: Text, tokens: list[Token]) -> None:
    """Refuse statements, and commas with nothing between them, which sqlglot passes over."""
    first, second = [token.text.lower() for token in tokens[:2]] + [""] * (2 - len(tokens[:2]))
    if first in _STATEMENTS and second != "(":
        place = (tokens[0].start, tokens[0].end + 1)
        raise text.error(f"{first.upper()} is not allowed: a filter only selects", code="statement", place=place)
    kinds = [None, *(token.token_type for token in tokens), None]
    for before, token, after in zip(kinds, tokens, kinds[2:], strict=False):
        if token.token_type is TokenType.COMMA and (before in _OPENED or after in _CLOSED):
            hint = "A comma stands between two."
            raise text.error("something is missing beside this comma", code="syntax", place=(token.start, token.end + 1), hint=hint)


def _check_depth(text: Text, tokens: list[Token]) -> None:
    depth = 0
    for token in tokens:
        opened = token.token_type in (TokenType.L_PAREN, TokenType.CASE)
        closed = token.token_type in (TokenType.R_PAREN, TokenType.END)
        depth += opened - closed
        if depth > DEEPEST:
            raise text.error(f"brackets stand more than {DEEPEST} deep in one another", code="limit", place=(token.start, token.end + 1))


def unreadable(text: Text, error: Unreadable) -> FilterError:
    """Return what is wrong at the token where the parser could not go on."""
    token = error.token
    place = (token.start, token.end + 1) if token else (len(text.text), len(text.text) + 1)
    word = token.text.split()[0].lower() if token and token.text.strip() else ""
    if word in ("select", "exists"):
        return text.error("sub-queries are not allowed", code="subquery", place=place)
    if word in _STATEMENTS:
        return text.error(f"{word.upper()} is not allowed: a filter only selects", code="statement", place=place)
    if word in _CLAUSES:
        return text.error(f"{word.upper()} is not allowed in a filter", code="clause", place=place, hint=_HINTS.get(word, ""))
    if "Expect" in str(error) or "missing" in str(error):
        hint = "Something is missing before it: an operator, a value or a bracket."
        return text.error("this was not expected here" if token else "the text ends too early", code="syntax", place=place, hint=hint)
    return text.error("this cannot stand here", code="syntax", place=place, hint="An operator, a comma or a bracket may be missing before it.")
