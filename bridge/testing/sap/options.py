"""OPTIONS of RFC_READ_TABLE: a condition of Open SQL, dynamic, in lines of 72 characters.

ABAP Keyword Documentation, "sql_cond" and "SELECT - (cond_syntax)": words stand between blanks, brackets too
(lausser/check_sap_health issue 14 met it as OPTION_NOT_VALID); a line is as wide as RFC_DB_OPT-TEXT, what
is longer is lost, and a word or literal does not go on in the next line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from bridge.testing.sap.abap import Kind, Structure, Type, initial
from bridge.testing.sap.errors import ShortDump
from bridge.testing.sap.values import Row

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
_NUMERIC = frozenset(
    {Kind.BCD, Kind.INT, Kind.INT1, Kind.INT2, Kind.INT8, Kind.DECF16, Kind.DECF34, Kind.FLOAT}
)

Predicate = Callable[[Row], bool]
Bound = tuple[Any, ...]


class BadOption(Exception):
    """The condition is none: its text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A column and a value."""

    place: int
    sign: Callable[[Any, Any], bool]
    value: Any


@dataclass(frozen=True, slots=True)
class Columns:
    """Two columns."""

    place: int
    sign: Callable[[Any, Any], bool]
    other: int


@dataclass(frozen=True, slots=True)
class Like:
    place: int
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class In:
    place: int
    values: frozenset[Any]


@dataclass(frozen=True, slots=True)
class Not:
    inner: Condition


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]


Condition = Compare | Columns | Like | In | Not | And | Or
Everything = And(())


def parse(lines: Iterable[str], structure: Structure) -> Condition:
    """The condition over rows of this table; BadOption for what is none, ShortDump for a lost value."""
    tokens = list(_tokens("".join(line[:WIDTH].ljust(WIDTH) for line in lines)))
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


def predicate(condition: Condition) -> Predicate:
    match condition:
        case Not(inner):
            holds = predicate(inner)
            return lambda row: not holds(row)
        case And(parts):
            return _all([predicate(part) for part in parts])
        case Or(parts):
            tests = [predicate(part) for part in parts]
            return lambda row: any(test(row) for test in tests)
    return _comparison(condition)


def _comparison(condition: Compare | Columns | Like | In) -> Predicate:
    match condition:
        case Compare(place, sign, value):
            return lambda row: sign(row[place], value)
        case Columns(place, sign, other):
            return lambda row: sign(row[place], row[other])
        case Like(place, pattern):
            return lambda row: pattern.fullmatch(row[place]) is not None
        case In(place, values):
            return lambda row: row[place] in values


def bounds(condition: Condition, key: Sequence[int]) -> tuple[Bound, Bound]:
    """The beginnings of the lowest and the highest key that can hold, both inclusive; () is unbounded."""
    low: Bound = ()
    high: Bound = ()
    for place in key:
        least, most = _range(condition, place)
        low, high = _longer(low, least), _longer(high, most)
        if least is None or least != most:
            break
    return low, high


def _longer(bound: Bound, value: Any) -> Bound:
    return bound if value is None else (*bound, value)


def _range(condition: Condition, place: int) -> tuple[Any, Any]:
    """The least and the most that this column can be; None is unbounded."""
    match condition:
        case Compare(at, sign, value) if at == place:
            return (value if sign in {eq, gt, ge} else None, value if sign in {eq, lt, le} else None)
        case In(at, values) if at == place:
            return min(values), max(values)
        case And(parts):
            ranges = [_range(part, place) for part in parts]
            lows = [low for low, _ in ranges if low is not None]
            highs = [high for _, high in ranges if high is not None]
            return max(lows, default=None), min(highs, default=None)
        case Or(parts) if parts:
            ranges = [_range(part, place) for part in parts]
            lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
            return (None if None in lows else min(lows), None if None in highs else max(highs))
    return None, None


def _all(tests: list[Predicate]) -> Predicate:
    match tests:
        case []:
            return lambda _: True
        case [one]:
            return one
        case [one, two]:
            return lambda row: one(row) and two(row)
    return lambda row: all(test(row) for test in tests)


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
    while place < len(text) and text[place] == " ":
        place += 1
    return place


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
            if (its_type.kind in _NUMERIC) != (type_.kind in _NUMERIC):
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
        if type_.kind in _NUMERIC or type_.kind is Kind.BYTE:
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
            raise BadOption(f'"{token.text}" is no column of {self._structure.name}')
        type_ = self._structure.fields[place].type
        if not isinstance(type_, Type) or type_.deep:
            raise BadOption(f'"{name}" cannot be compared')
        return place, type_

    def _value(self, type_: Type) -> Any:
        token = self._take()
        if token.kind not in {"literal", "number"}:
            raise BadOption(f'"{token.text}" is no value')
        if token.kind == "number" and type_.kind not in _NUMERIC:
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
    made, plain = "", False
    for letter in pattern:
        if letter == escape and not plain:
            plain = True
            continue
        made += {"%": ".*", "_": "."}.get(letter, re.escape(letter)) if not plain else re.escape(letter)
        plain = False
    return made


def value(type_: Type, text: str) -> Any:
    """A literal as a value of the column; what would be lost is a runtime error.

    SAPSQL_DATA_LOSS ("Data was lost while copying a value."): metalsimyaci/SapCo2 issue 13 met it, for one
    longer than its column.
    """
    trimmed = text.rstrip(" ")
    try:
        return _VALUES.get(type_.kind, _text)(type_, trimmed)
    except (ValueError, InvalidOperation):
        raise ShortDump("SAPSQL_DATA_LOSS", "Data was lost while copying a value.") from None


def _text(type_: Type, text: str) -> str:
    if len(text) > type_.leng:
        raise ValueError(text)
    return text


def _digits(type_: Type, text: str) -> str:
    if text and not text.isdigit():
        raise ValueError(text)
    return _text(type_, text.zfill(type_.leng) if text else text)


def _date(_: Type, text: str) -> str:
    """A blank is less than the initial date; a day that no calendar has is lost."""
    if text and text != "00000000":
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    return text


def _time(_: Type, text: str) -> str:
    if len(text) not in {0, 6} or (text and not text.isdigit()):
        raise ValueError(text)
    return text


def _number(_: Type, text: str) -> Decimal:
    """Commercial notation too: the sign behind."""
    plain = text.strip()
    return Decimal("-" + plain[:-1] if plain.endswith("-") else plain or "0")


def _bytes(type_: Type, text: str) -> bytes:
    if len(text) > 2 * type_.leng:
        raise ValueError(text)
    return bytes.fromhex(text).ljust(type_.leng, b"\0")


_VALUES: Mapping[Kind, Callable[[Type, str], Any]] = {
    Kind.NUM: _digits,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.BYTE: _bytes,
    Kind.FLOAT: lambda _, text: float(text),
    **dict.fromkeys(_NUMERIC - {Kind.FLOAT}, _number),
}
