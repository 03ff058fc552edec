"""OPTIONS of RFC_READ_TABLE: conditions of Open SQL, and their lines.

A condition is the sequence of its tokens, between which there are blanks; none of them is ever split.
Sources: ABAP Keyword Documentation, "WHERE - Dynamic Logical Expression", "Text Field
Literals"; SAP Note 382318.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.sap_rfc.types import Column

type Condition = tuple[str, ...]
"""Empty: all rows."""

WIDTH = 71
"""Units of a line: RFC_DB_OPT-TEXT has 72, and the lines are one text, so that one blank stays."""
_TOKEN = re.compile(r"(?:'(?:[^']|'')*'|[^\s'])+")
_PIECE = re.compile(r"(?:'(?:[^']|'')*'|[^',])*(?:,|$)")
_SUSPECT = re.compile(
    r"(?:SELECT|UPDATE|MODIFY|INSERT|DELETE|JOIN|LEFT|RIGHT|EXISTS)(?=[( ])|[{}|]", re.IGNORECASE
)
"""What later releases refuse in OPTIONS, be it in a literal (CL_RFC_READ_TABLE, COMPUTE_SEL_CRITERIA)."""
_WHOLE = frozenset("Ibs8")
_NUMERIC = _WHOLE | {"P", "a", "e"}
_FORMS: Mapping[str, str] = {"D": "%Y%m%d", "T": "%H%M%S"}
"""What is none is refused as a literal (SAPSQL_DATA_LOSS), though a table may hold it."""
_WORDED = frozenset("CNDTX")


def units(text: str) -> int:
    """The length as SAP counts it: of UTF-16, where some characters are two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def parsed(text: str) -> Condition:
    """What an operator wrote, as it is. Errors: ValueError."""
    found: list[str] = []
    place = 0
    for match in _TOKEN.finditer(text):
        if text[place : match.start()].strip():
            break
        found += _pieces(match[0])
        place = match.end()
    if text[place:].strip():
        raise ValueError(f"a quote is not closed in {text}")
    if any(units(token) > WIDTH for token in found):
        raise ValueError(f"a word or quoted text of more than {WIDTH} characters is in {text}")
    return tuple(found)


def _pieces(token: str) -> list[str]:
    """A list that was written without blanks is divided after its commas."""
    if units(token) <= WIDTH:
        return [token]
    return [match[0] for match in _PIECE.finditer(token) if match[0]]


def lines(condition: Condition) -> list[str]:
    """As many tokens in each as there is room for."""
    found: list[str] = []
    for token in condition:
        if found and units(found[-1]) + 1 + units(token) <= WIDTH:
            found[-1] += f" {token}"
        else:
            found.append(token)
    return found


def both(*conditions: Condition) -> Condition:
    """Rows that fulfil them all."""
    return _joined("AND", [each for each in conditions if each])


def either(*conditions: Condition) -> Condition:
    """Rows that fulfil one of them: all rows, if one of them is empty."""
    return () if () in conditions else _joined("OR", conditions)


def compare(name: str, sign: str, literal: str) -> Condition:
    return (name, sign, literal)


def _joined(word: str, conditions: Sequence[Condition]) -> Condition:
    if len(conditions) < 2:  # noqa: PLR2004 -- nothing to join
        return conditions[0] if conditions else ()
    found: list[str] = []
    for each in conditions:
        found += [word] if found else []
        found += each if _is_single(each) else ("(", *each, ")")
    return tuple(found)


_PLAIN = 3
"""Tokens of a comparison."""


def _is_single(condition: Condition) -> bool:
    """One comparison, and not two that were written without blanks."""
    return len(condition) == _PLAIN and condition[1].upper() not in ("AND", "OR")


def after(names: Sequence[str], literals: Sequence[str]) -> Condition:
    """Of the rows after these values, in the order of the columns; `literals` may be fewer than `names`."""
    return _beyond(names, literals, ">", ">")


def upto(names: Sequence[str], literals: Sequence[str]) -> Condition:
    """Of the rows up to these values; with fewer of them, up to the last that begins so."""
    return _beyond(names, literals, "<", "<=")


def equal(column: Column, text: str) -> Condition:
    """Of the rows with this value. What no literal can tell finds what begins so, whatever a sign is."""
    told = _SUSPECT.sub(lambda found: f"{found[0][:-1]}_", text)
    if column.inttype in _NUMERIC or shortened(told) == text.rstrip(" "):
        return compare(column.name, "=", literal(column, text))
    begin = shortened(told, WIDTH - 3).replace("'", "''")
    return compare(column.name, "LIKE", f"'{begin}%'")


def since(names: Sequence[str], literals: Sequence[str], *, timeless: bool = False) -> Condition:
    """As `after`, and of those with these very values; names and literals are one or two: day and time.

    `timeless`: a row whose time is initial may be of any time of its day.
    """
    if not timeless or len(names) == 1:
        return _from(names, literals, ">")
    (day, time), (first, second) = names, literals
    later = compare(day, ">", first), compare(time, ">=", second)
    return both(compare(day, ">=", first), either(*later, compare(time, "<", "'000001'")))


def until(names: Sequence[str], literals: Sequence[str], last: str = "=") -> Condition:
    """Without a `last`, none with these very values."""
    return _from(names, literals, "<", last)


def _from(names: Sequence[str], literals: Sequence[str], sign: str, last: str = "=") -> Condition:
    """D >= d AND ( D > d OR T >= t )."""
    first, *rest = zip(names, literals, strict=True)
    if not rest:
        return compare(first[0], f"{sign}{last}", first[1])
    further = either(compare(first[0], sign, first[1]), _from(names[1:], literals[1:], sign, last))
    return both(compare(first[0], f"{sign}=", first[1]), further)


def _beyond(names: Sequence[str], literals: Sequence[str], sign: str, last: str) -> Condition:
    """K1 > a OR K1 = a AND ( K2 > b ... ), and in front of it K1 >= a, by which an index is entered."""
    pairs = list(zip(names, literals, strict=False))
    found: Condition = ()
    for name, value in reversed(pairs):
        if not found:
            found = compare(name, last, value)
        else:
            found = either(compare(name, sign, value), both(compare(name, "=", value), found))
    if len(pairs) > 1:
        found = both(compare(pairs[0][0], f"{sign}=", pairs[0][1]), found)
    return found


def comparable(column: Column) -> bool:
    """Whether it can be in a condition here."""
    return column.inttype in _NUMERIC | _WORDED


def literal(column: Column, text: str) -> str:
    """A value as RFC_READ_TABLE tells it, for a condition. Errors: ValueError when it is none."""
    if column.inttype in _WHOLE:
        return str(int(number(text)))
    if column.inttype in _NUMERIC:
        return f"'{number(text):f}'"
    if column.inttype in _FORMS and text.strip("0 "):
        datetime.strptime(text, _FORMS[column.inttype])  # noqa: DTZ007 -- of no zone
    return quoted(text)


def quoted(text: str) -> str:
    """A literal of no characters would be one blank, too: it is written as that."""
    return "'" + (text.rstrip(" ") or " ").replace("'", "''") + "'"


def shortened(text: str, most: int = WIDTH - 2) -> str:
    """As much of its beginning as a literal has room for, where quotes count twice."""
    while units(text) + text.count("'") > most:
        text = text[:-1]
    return text.rstrip(" ")


def harmless(text: str, most: int = WIDTH - 2) -> str:
    """As `shortened`, and no more than what is before anything that is suspect."""
    found = _SUSPECT.search(text)
    return shortened(text[: found.end() - 1] if found else text, most)


def ordinal(column: Column, text: str) -> str | Decimal:
    """What values of a column are sorted by, as far as one can know it here."""
    return number(text) if column.inttype in _NUMERIC else text


def number(text: str) -> Decimal:
    """ABAP writes the sign behind. Errors: ValueError."""
    digits = text.strip()
    digits = f"-{digits[:-1]}" if digits.endswith("-") else digits
    try:
        return Decimal(digits or "0")
    except InvalidOperation:
        raise ValueError(f"{text} is no number") from None
