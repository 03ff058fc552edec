"""COBOL's pictures: how a number or a text looks on a screen, read exactly, and written. Pure.

A text is a value only if the picture could have shown it; `parse` refuses all else with a reason. After the
PICTURE clause of Enterprise COBOL's reference, with two additions: parentheses as a sign, and S beside `+`
or `-`, where it means nothing. Inserted zeros (`0`) are refused: most who write one mean a digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property
from itertools import groupby
from typing import Literal

type Point = Literal[".", ","]
type Shapes = tuple[tuple[Callable[[str], re.Match[str] | None], str], ...]

MOST_DIGITS = 38
"""As many as Arrow's decimal128 holds."""
SYMBOLS = "9 Z * S V P , . + - CR DB ( ) B / $ € £ ¥, or X A for text; 9(5) stands for 99999"
_CURRENCIES = "$€£¥"
_MOST_CELLS = 9999
_REPEATED = re.compile(r"([^()])\((\d{1,4})\)")
_FRONT = re.compile(
    rf"(?:([+-])(?!\1))?(?:([{_CURRENCIES}])(?!\2))?(?:([+\-{_CURRENCIES}])(?=\3))?(.*)", re.DOTALL
)
_BODY = re.compile(
    r"(?P<before>V?P+|)(?P<whole>[Z,B/]*|[*,B/]*)(?P<nines>[9,B/]*)"
    r"(?P<point>[.V]?)(?P<fraction>[9,B/]*|Z*|\**)(?P<after>P*)V?"
    rf"(?P<unit>(?:B*[{_CURRENCIES}])?)(?P<gap>B*)"
)
_SWAPPED = str.maketrans(",.", ".,")
_DIGIT = "9Z*"
_PLUS, _MINUS = "{ABCDEFGHI", "}JKLMNOPQR"
"""The last digit of a number whose sign has no cell of its own, from 0 to 9."""
_PUNCHED = {ord(letter): str(digit) for row in (_PLUS, _MINUS) for digit, letter in enumerate(row)}
_ANY, _NONZERO, _PLUS_DIGIT, _MINUS_DIGIT = "\x01\x02\x03\x04"
_CLASSES = {
    _ANY: "[0-9]",
    _NONZERO: "[1-9]",
    _PLUS_DIGIT: f"[0-9{_PLUS}]",
    _MINUS_DIGIT: f"[{_MINUS}]",
}


class NoPicture(ValueError):
    """What is wrong with a picture, as in `has no digits`."""


@dataclass(frozen=True)
class TextPicture:
    """`X(8)`, `A(3)9(5)`: X is any character, A a letter or blank, 9 a digit."""

    text: str
    width: int
    fits: re.Pattern[str]

    def parse(self, shown: str) -> str:
        """The text without blanks at its end. Errors: ValueError."""
        if not self.fits.fullmatch(shown.ljust(self.width)):
            raise ValueError(f"does not fit the picture {self.text}")
        return shown.rstrip(" ")

    def format(self, value: str) -> str:
        """The cells that show a value. Errors: ValueError."""
        self.parse(value)
        return value.ljust(self.width)


@dataclass(frozen=True)
class NumberPicture:
    """`digits` are all it has, `scale` those of them after the point; both count what P stands for."""

    text: str
    digits: int
    scale: int
    lead: str  # the sign in the first cell: + - (
    currency: str  # in a cell of its own
    floating: str  # the sign or currency before the first digit shown
    cells: str  # digits and insertions
    point: int  # the cell from which on zeros are shown
    gap: int  # blanks before `trail`
    trail: str  # the sign after the digits: + - CR DB ) or S, which is in the last digit
    shift: int  # so many zeros follow the last digit
    decimal: Point

    @cached_property
    def signed(self) -> bool:
        return bool(self.lead or self.trail or self.floating in ("+", "-"))

    @cached_property
    def width(self) -> int:
        """Cells it takes on the screen."""
        return len(self._dressed(self.cells, 0, ""))

    def parse(self, shown: str) -> int | Decimal:
        """The number; blanks around it do not count. Errors: ValueError."""
        text = shown.strip(" ")
        for fits, sign in self._shapes.get(len(text), ()):
            if found := fits(text):
                digits = "".join(found.groups()) or "0"  # the stars that stand for zero have none
                if self.trail == "S":
                    digits = digits.translate(_PUNCHED)
                if sign and digits.strip("0"):
                    digits = sign + digits
                return Decimal(digits + self._exponent) if self.scale else int(digits + self._exponent)
        raise ValueError(f"does not fit the picture {self.text}" if text else "is blank")

    def format(self, value: int | Decimal) -> str:
        """The cells that show a number. Errors: ValueError (too large, too many decimals, a sign)."""
        units = self._units(value)
        if not units and not self._shows_zero:
            return self._zeros() if self._fill == "*" else " " * self.width
        digits = f"{abs(units):0{self._places}d}"
        start = self._start(digits)
        shown = iter(digits[-_places(self.cells[start:]) :])
        number = "".join(next(shown) if cell in _DIGIT else cell for cell in self._inserted[start:])
        if self.trail == "S" and units < 0:
            number = number[:-1] + _MINUS[int(number[-1])]
        return self._dressed(number, start, "-" if units < 0 else "")

    def _units(self, value: int | Decimal) -> int:
        with localcontext(prec=200):
            units = Decimal(value).scaleb(self.scale - self.shift)
            if units != units.to_integral_value():
                raise ValueError(f"has more decimals than {self.text}")
        if units < 0 and not self.signed:
            raise ValueError(f"is negative, {self.text} has no sign")
        if abs(units) >= 10**self._places:
            raise ValueError(f"has more digits than {self.text}")
        return int(units)

    def _start(self, digits: str) -> int:
        """The cell of the first digit shown."""
        each = iter(digits)
        shown = (at for at, cell in enumerate(self.cells) if cell in _DIGIT and next(each) != "0")
        return min(next(shown, len(self.cells)), self._always)

    def _dressed(self, number: str, suppressed: int, sign: str) -> str:
        """A number with what stands around it."""
        signs = {"+": sign or "+", "S": ""}

        def piece(symbol: str) -> str:
            absent = symbol if symbol in _CURRENCIES else " " * len(symbol)
            return signs.get(symbol, symbol if sign else absent)

        front = piece(self.lead) + self.currency + self._fill * suppressed + piece(self.floating)
        return front + number + " " * self.gap + piece(self.trail)

    def _zeros(self) -> str:
        return self._dressed("".join(self.decimal if cell == "." else "*" for cell in self.cells), 0, "")

    @cached_property
    def _places(self) -> int:
        return _places(self.cells)

    @cached_property
    def _inserted(self) -> str:
        """The cells as they are shown."""
        cells = self.cells.replace("B", " ")
        return cells if self.decimal == "." else cells.translate(_SWAPPED)

    @cached_property
    def _fill(self) -> str:
        return "*" if "*" in self.cells else " "

    @cached_property
    def _shows_zero(self) -> bool:
        return "9" in self.cells

    @cached_property
    def _always(self) -> int:
        """The first cell that is shown whatever the number is, zero excepted."""
        nine = self.cells.find("9")
        return self.point if nine < 0 else min(nine, self.point)

    @cached_property
    def _shapes(self) -> dict[int, Shapes]:
        """Length of a text -> what it may look like, and the sign that it then has."""
        shapes: dict[int, dict[str, str]] = {}
        for sign in ("", "-") if self.signed else ("",):
            for look in self._looks(sign):
                shapes.setdefault(len(look), {}).setdefault(self._expression(look), sign)
        return {
            length: tuple((re.compile(look).fullmatch, sign) for look, sign in looks.items())
            for length, looks in shapes.items()
        }

    def _looks(self, sign: str) -> Iterator[str]:
        """All that the picture can show, with stand-ins for digits, without the blanks around it."""
        for number, start in self._numbers():
            last = _MINUS_DIGIT if sign else _PLUS_DIGIT
            look = self._dressed(number[:-1] + last if self.trail == "S" else number, start, sign).strip(" ")
            yield look
            if self.lead == "(" and sign:
                yield re.sub(r"\( +", "(", look)
        if not self._shows_zero and self._fill == "*":
            yield self._zeros().strip(" ")

    def _numbers(self) -> Iterator[tuple[str, int]]:
        """The digits from each cell on that may be the first one shown."""
        cells = "".join(_ANY if cell in _DIGIT else cell for cell in self._inserted)
        for start in range(self._always):
            if cells[start] == _ANY:
                yield _NONZERO + cells[start + 1 :], start
        if _ANY in cells[self._always :]:
            yield cells[self._always :], self._always

    def _expression(self, look: str) -> str:
        never_zero = "" if self._shows_zero or _ANY not in look else "(?=[^1-9]*[1-9])"
        runs = (("".join(run), digits) for digits, run in groupby(look, _CLASSES.__contains__))
        return never_zero + "".join(
            f"({''.join(map(_CLASSES.__getitem__, run))})" if digits else re.escape(run)
            for run, digits in runs
        )

    @cached_property
    def _exponent(self) -> str:
        return f"E-{self.scale}" if self.scale else "0" * self.shift


def picture(text: str, point: Point = ".") -> NumberPicture | TextPicture:
    """A compiled picture; `point` is the decimal point. Errors: NoPicture."""
    expanded = _expanded(text)
    if re.fullmatch(r"[XA9]*[XA][XA9]*", expanded):
        classes = {"X": "(?s:.)", "A": "[^\\W\\d_]| ", "9": "[0-9]"}
        fits = re.compile("".join(f"(?:{classes[cell]})" for cell in expanded))
        return TextPicture(text, len(expanded), fits)
    return _number(text, expanded if point == "." else expanded.translate(_SWAPPED), point)


def _expanded(text: str) -> str:
    """Without repetitions."""
    counts = [int(count) for _, count in _REPEATED.findall(text)]
    if sum(counts) > _MOST_CELLS or 0 in counts:
        raise NoPicture(f"repeats a symbol never, or more than {_MOST_CELLS} times")
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), text.upper())


def _number(text: str, rest: str, point: Point) -> NumberPicture:
    lead, trail, rest = _around(rest)
    front = _FRONT.match(rest)  # always: all of it is optional
    sign, currency, floating, body = (
        (group or "" for group in front.groups()) if front else ("", "", "", rest)
    )
    found = _BODY.fullmatch(body.replace(floating, "Z") if floating else body)
    if found is None or (found["fraction"] and not found["point"]) or (found["before"] and found["after"]):
        raise NoPicture(_misfit(rest))
    cells = (
        found["whole"] + found["nines"] + found["point"].replace("V", "") + found["fraction"] + found["unit"]
    )
    picture = NumberPicture(
        text=text,
        digits=_places(cells) + found["before"].count("P") + len(found["after"]),
        scale=_scale(found),
        lead=lead or sign,
        currency=currency,
        floating=floating,
        cells=cells.rstrip("B"),
        point=len(found["whole"] + found["nines"]) if found["point"] else len(cells.rstrip("B")),
        gap=len(found["gap"]) + len(cells) - len(cells.rstrip("B")),
        trail=trail,
        shift=len(found["after"]),
        decimal=point,
    )
    _check(picture, found)
    return picture


def _around(rest: str) -> tuple[str, str, str]:
    """The signs at both ends, and what is between them; S for one in the last digit."""
    if rest.startswith("(") and rest.endswith(")"):
        return "(", ")", rest[1:-1]
    punched, rest = rest.startswith("S"), rest.removeprefix("S")
    for sign in ("CR", "DB", "+", "-"):
        if rest.endswith(sign) and not rest.startswith(sign * 2):
            return "", sign, rest.removesuffix(sign)
    return "", "S" if punched and not rest.startswith(("+", "-")) else "", rest


def _scale(found: re.Match[str]) -> int:
    if found["before"]:
        return found["before"].count("P") + _places(found["whole"] + found["nines"])
    return _places(found["fraction"])


def _misfit(rest: str) -> str:
    strange = next((symbol for symbol in rest if symbol not in f"9Z*.,VPB/+-{_CURRENCIES}"), "")
    if strange == "0":
        return "inserts a zero: write 9 for a digit"
    return (
        f"has {strange!r}, which is no symbol here"
        if strange
        else "has its symbols in an order that means nothing"
    )


def _check(picture: NumberPicture, found: re.Match[str]) -> None:
    """Errors: NoPicture."""
    faults = {
        "has no digits": not _places(picture.cells),
        f"has more than {MOST_DIGITS} digits": picture.digits > MOST_DIGITS,
        "begins with an insertion": picture.cells[:1] in (*",B/",) and bool(picture.cells),
        "has two signs": sum(map(bool, (picture.lead, picture.trail, picture.floating in ("+", "-")))) > 1
        and picture.lead != "(",
        "has two currencies": bool(picture.currency)
        + (picture.floating in tuple(_CURRENCIES))
        + bool(found["unit"])
        > 1,
        "has a point beside P": bool(found["before"] or found["after"]) and bool(found["point"]),
        "suppresses zeros after the point, and not before it": found["fraction"][:1] in ("Z", "*")
        and (
            "9" in found["whole"] + found["nines"] or not set(found["whole"]) <= {*found["fraction"], *",B/"}
        ),
        "has S beside insertions or suppressed zeros: its sign needs a cell, as in `ZZ9-`": picture.trail
        == "S"
        and not set(picture.cells) <= {"9"},
        "has a sign and parentheses": picture.lead == "(" and picture.floating in ("+", "-"),
    }
    for text, wrong in faults.items():
        if wrong:
            raise NoPicture(text)


def _places(cells: str) -> int:
    return sum(cell in _DIGIT for cell in cells)
