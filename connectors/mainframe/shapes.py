"""How a number or a text looks on a screen by its picture: read exactly, and written. Pure.

A text is a value only if the picture could have shown it; `parse` refuses all else with a reason.
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

CURRENCIES = "$€£¥"
DIGITS = "9Z*"
SWAPPED = str.maketrans(",.", ".,")
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
        digits = f"{abs(units):0{self._digit_cells}d}"
        start = self._start(digits)
        shown = iter(digits[-places(self.cells[start:]) :])
        number = "".join(next(shown) if cell in DIGITS else cell for cell in self._inserted[start:])
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
        if abs(units) >= 10**self._digit_cells:
            raise ValueError(f"has more digits than {self.text}")
        return int(units)

    def _start(self, digits: str) -> int:
        """The cell of the first digit shown."""
        each = iter(digits)
        shown = (at for at, cell in enumerate(self.cells) if cell in DIGITS and next(each) != "0")
        return min(next(shown, len(self.cells)), self._always)

    def _dressed(self, number: str, suppressed: int, sign: str) -> str:
        """A number with what stands around it."""
        signs = {"+": sign or "+", "S": ""}

        def piece(symbol: str) -> str:
            absent = symbol if symbol in CURRENCIES else " " * len(symbol)
            return signs.get(symbol, symbol if sign else absent)

        front = piece(self.lead) + self.currency + self._fill * suppressed + piece(self.floating)
        return front + number + " " * self.gap + piece(self.trail)

    def _zeros(self) -> str:
        return self._dressed("".join(self.decimal if cell == "." else "*" for cell in self.cells), 0, "")

    @cached_property
    def _digit_cells(self) -> int:
        return places(self.cells)

    @cached_property
    def _inserted(self) -> str:
        """The cells as they are shown."""
        cells = self.cells.replace("B", " ")
        return cells if self.decimal == "." else cells.translate(SWAPPED)

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
        cells = "".join(_ANY if cell in DIGITS else cell for cell in self._inserted)
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


def places(cells: str) -> int:
    """How many of these cells are digits."""
    return sum(cell in DIGITS for cell in cells)
