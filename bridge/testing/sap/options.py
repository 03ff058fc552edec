"""OPTIONS of RFC_READ_TABLE: a condition of Open SQL, dynamic, in lines of 72 characters.

ABAP Keyword Documentation, "sql_cond" and "SELECT - (cond_syntax)": words stand between blanks, brackets too
(lausser/check_sap_health issue 14 met it as OPTION_NOT_VALID); a line is as wide as RFC_DB_OPT-TEXT, what
is longer is lost, and a word or literal does not go on in the next line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from bridge.testing.sap.abap import Kind, Structure, Type, initial
from bridge.testing.sap.conditions import And, Columns, Compare, Condition, Everything, In, Like, Not, Or
from bridge.testing.sap.literals import NUMERIC, value

WIDTH = 72

_TOKEN = re.compile(
    r"(?P<literal>'(?:[^']|'')*'|`(?:[^`]|``)*`)"
    r"|(?P<number>[+-]?\d+(?![\w.]))"
    r"|(?P<sign><>|<=|>=|=|<|>)"
    r"|(?P<mark>[(),])"
    r"|(?P<word>[A-Za-z_/][\w/~-]*)"
)
_SUSPECT = re.compile(r"(SELECT|UPDATE|MODIFY|INSERT|DELETE|JOIN|LEFT|RIGHT|EXISTS)[( ]", re.IGNORECASE)
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "EQ": eq,
    "<>": ne,
    "NE": ne,
    "<": lt,
    "LT": lt,
    ">": gt,
    "GT": gt,
    "<=": le,
    "LE": le,
    ">=": ge,
    "GE": ge,
}
_WORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "LIKE", "ESCAPE", "IN", "IS", "NULL", "INITIAL"})


class BadOption(Exception):
    """The condition is none: its text says what is wrong."""


class NoColumn(BadOption):
    """It names a column that the table does not have."""


def parse(lines: Iterable[str], structure: Structure) -> Condition:
    """The condition over rows of this table; BadOption for what is none, ShortDump for a lost value."""
    return _parsed("".join(line[:WIDTH].ljust(WIDTH) for line in lines), structure)


@lru_cache(1_000)
def _parsed(text: str, structure: Structure) -> Condition:
    tokens = list(_tokens(text))
    if not tokens:
        return Everything
    parser = _Parser(tokens, structure)
    condition = parser.either()
    if parser.ahead is not None:
        raise BadOption(f'"{parser.ahead.text}" is not expected here')
    return condition


def check_suspicious(lines: Sequence[str]) -> None:
    """What COMPUTE_SEL_CRITERIA of CL_RFC_READ_TABLE refuses, in literals too: words of SQL, and { } |."""
    if any(_SUSPECT.search(line) for line in lines):
        raise BadOption("suspect WHERE-Clause")
    whole = "".join(lines)
    outside = "".join(whole.split("'")[::2])
    shell = re.search(r"\s[!$&?]", outside) is not None
    if (not shell and set(whole) & set("{}|")) or outside.count("(") != outside.count(")"):
        raise BadOption("suspect WHERE-Clause")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """Upper case; a literal is no word."""
        return self.text.upper() if self.kind in {"word", "sign", "mark"} else ""


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while (start := _next(text, place)) < len(text):
        found = _TOKEN.match(text, start)
        if found is None or found.lastgroup is None:
            raise BadOption(f'"{text[start : start + 30].strip()}" is no part of a condition')
        place = found.end()
        if start // WIDTH != (place - 1) // WIDTH:
            raise BadOption(f"{found.group()} does not end in its line")
        _check_blanks(text, found.lastgroup, found.group(), start, place)
        yield _Token(found.lastgroup, found.group(), start, place)


def _next(text: str, place: int) -> int:
    return len(text) - len(text[place:].lstrip(" "))


def _check_blanks(text: str, kind: str, token: str, start: int, end: int) -> None:
    """Words, literals and signs stand between blanks; the marks of a list may touch what is in it."""
    if kind == "mark":
        return
    before, after = text[start - 1 : start], text[end : end + 1]
    if before not in {"", " ", "(", ","} or after not in {"", " ", ")", ","}:
        raise BadOption(f'"{token}" needs blanks around it')


class _Parser:
    """From the words to a condition; AND binds before OR, NOT before both."""

    def __init__(self, tokens: Sequence[_Token], structure: Structure) -> None:
        self._tokens = tokens
        self._at = 0
        self._structure = structure
        self._places = {each.name: place for place, each in enumerate(structure.fields)}

    @property
    def ahead(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def either(self) -> Condition:
        parts = [self._both()]
        while self._skip("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Condition:
        parts = [self._single()]
        while self._skip("AND"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _single(self) -> Condition:
        if self._skip("NOT"):
            return Not(self._single())
        opened = self.ahead
        if self._skip("("):
            inner = self.either()
            self._close(opened)
            return inner
        return self._comparison()

    def _close(self, opened: _Token | None) -> None:
        """Parentheses round conditions stand between blanks."""
        inside = self._tokens[self._at - 1]
        closing = self._take()
        if closing.word != ")":
            raise BadOption(f'")" is missing before "{closing.text}"')
        first = next(token for token in self._tokens if opened is not None and token.start > opened.start)
        if (opened is not None and first.start == opened.end) or closing.start == inside.end:
            raise BadOption("parentheses need blanks around them")

    def _comparison(self) -> Condition:
        place, type_ = self._column(self._take())
        operator = self._take()
        if operator.word in _SIGNS:
            return self._compared(place, type_, _SIGNS[operator.word])
        if operator.word == "IS":
            return self._is(place, type_)
        negated = operator.word == "NOT"
        keyword = self._take().word if negated else operator.word
        condition = self._special(keyword, place, type_)
        return Not(condition) if negated else condition

    def _special(self, keyword: str, place: int, type_: Type) -> Condition:
        match keyword:
            case "BETWEEN":
                low = self._value(type_)
                self._expect("AND")
                return And((Compare(place, ge, low), Compare(place, le, self._value(type_))))
            case "LIKE":
                return self._like(place, type_)
            case "IN":
                return In(place, frozenset(self._list(type_)))
        raise BadOption(f'"{keyword}" is no operator')

    def _compared(self, place: int, type_: Type, sign: Callable[[Any, Any], bool]) -> Condition:
        token = self.ahead
        if token is not None and token.kind == "word" and token.word not in _WORDS:
            other, its_type = self._column(self._take())
            if (its_type.kind in NUMERIC) != (type_.kind in NUMERIC):
                raise BadOption(f'"{token.text}" is of another type')
            return Columns(place, sign, other)
        return Compare(place, sign, self._value(type_))

    def _is(self, place: int, type_: Type) -> Condition:
        negated = self._skip("NOT")
        what = self._take().word
        if what not in {"NULL", "INITIAL"}:
            raise BadOption(f'IS is followed by "{what}"')
        condition: Condition = Or(()) if what == "NULL" else Compare(place, eq, initial(type_))
        return Not(condition) if negated else condition

    def _like(self, place: int, type_: Type) -> Condition:
        if type_.kind in NUMERIC or type_.kind is Kind.BYTE:
            raise BadOption("LIKE is for columns of characters")
        pattern, escape = self._literal(), ""
        if self._skip("ESCAPE"):
            escape = self._literal()
        return Like(place, re.compile(_regex(pattern.rstrip(" "), escape), re.DOTALL))

    def _list(self, type_: Type) -> Iterator[Any]:
        self._expect("(")
        yield self._value(type_)
        while self._skip(","):
            yield self._value(type_)
        self._expect(")")

    def _column(self, token: _Token) -> tuple[int, Type]:
        name = token.word.split("~")[-1]
        place = self._places.get(name)
        if place is None or token.kind != "word":
            raise NoColumn(f'"{token.text}" is no column of {self._structure.name}')
        type_ = self._structure.fields[place].type
        if not isinstance(type_, Type) or type_.deep:
            raise BadOption(f'"{name}" cannot be compared')
        return place, type_

    def _value(self, type_: Type) -> Any:
        token = self._take()
        if token.kind not in {"literal", "number"}:
            raise BadOption(f'"{token.text}" is no value')
        if token.kind == "number" and type_.kind not in NUMERIC:
            raise BadOption(f"{token.text} is a number, and the column holds characters")
        return value(type_, _unquoted(token))

    def _literal(self) -> str:
        token = self._take()
        if token.kind != "literal":
            raise BadOption(f'"{token.text}" is no literal')
        return _unquoted(token)

    def _expect(self, word: str) -> None:
        token = self._take()
        if token.word != word:
            raise BadOption(f'"{word}" is missing before "{token.text}"')

    def _skip(self, word: str) -> bool:
        found = self.ahead is not None and self.ahead.word == word
        self._at += found
        return found

    def _take(self) -> _Token:
        token = self.ahead
        if token is None:
            raise BadOption("the condition is not complete")
        self._at += 1
        return token


def _unquoted(token: _Token) -> str:
    if token.kind == "number":
        return token.text
    quote = token.text[0]
    return token.text[1:-1].replace(quote * 2, quote)


def _regex(pattern: str, escape: str) -> str:
    """What is between two `%` is taken where it comes first, for good: else many would take for ever."""
    parts, plain = [""], False
    for letter in pattern:
        if letter == escape and not plain:
            plain = True
        elif letter == "%" and not plain:
            parts.append("")
        else:
            parts[-1] += "." if letter == "_" and not plain else re.escape(letter)
            plain = False
    if len(parts) == 1:
        return parts[0]
    first, *middle, last = parts
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + ".*" + last
