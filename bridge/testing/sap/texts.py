"""Values as ABAP moves them into a field of type C: what RFC_READ_TABLE and CDPOS show.

ABAP Keyword Documentation, "Conversion Rules for Elementary Data Objects": i and p to c (right-aligned, the
sign behind; when it is too long the place of the sign goes first, then digits at the left, marked with `*`),
f to c (scientific notation, cut to what fits), x to c (hexadecimal, cut at the right), utclong to c.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from bridge.testing.sap.abap import Kind, Type

Mover = Callable[[Any], str]


def moved(type_: Type, value: Any, width: int) -> str:
    """Exactly `width` characters."""
    return mover(type_, width)(value)


def mover(type_: Type, width: int) -> Mover:
    return _MOVERS[type_.kind](width)


def _left(width: int) -> Mover:
    return lambda value: value[:width].ljust(width)


def _stamp(width: int) -> Mover:
    """`2026-01-31 12:00:00.1234567`, with a blank."""
    return lambda value: value.replace("T", " ")[:width].ljust(width)


def _commercial(width: int) -> Mover:
    """`12.50-`, ` 12.50 `."""

    def move(value: Decimal | int) -> str:
        digits = f"{value.copy_abs():f}" if isinstance(value, Decimal) else str(abs(value))
        sign = "-" if value < 0 else " "
        return _fitted(digits, sign, width)

    return move


def _fitted(digits: str, sign: str, width: int) -> str:
    text = digits + sign
    if len(text) > width and sign == " ":
        text = digits
    if len(text) > width and text.startswith("0."):
        text = text[1:]
    return text.rjust(width) if len(text) <= width else "*" + text[len(text) - width + 1 :]


def _scientific(width: int) -> Mover:
    """`-1.2345678901234560E+03`, as many digits as fit."""

    def move(value: float) -> str:
        room = max(min(width - 7, 16), 0)
        return f"{value: .{room}E}".rjust(width)[:width]

    return move


def _decimal_floating(width: int) -> Mover:
    """Mathematical notation where it fits, else rounded to what fits."""

    def move(value: Decimal) -> str:
        text = f"{value:f}"
        if len(text) > width:
            text = str(Context(prec=max(width - 8, 1), rounding=ROUND_HALF_EVEN).plus(value))
        return text.rjust(width)[:width]

    return move


def _hexadecimal(width: int) -> Mover:
    return lambda value: value.hex().upper()[:width].ljust(width)


_MOVERS: dict[Kind, Callable[[int], Mover]] = {
    Kind.CHAR: _left,
    Kind.NUM: _left,
    Kind.DATE: _left,
    Kind.TIME: _left,
    Kind.STRING: _left,
    Kind.UTCLONG: _stamp,
    Kind.BCD: _commercial,
    Kind.INT: _commercial,
    Kind.INT1: _commercial,
    Kind.INT2: _commercial,
    Kind.INT8: _commercial,
    Kind.FLOAT: _scientific,
    Kind.DECF16: _decimal_floating,
    Kind.DECF34: _decimal_floating,
    Kind.BYTE: _hexadecimal,
    Kind.XSTRING: _hexadecimal,
}
