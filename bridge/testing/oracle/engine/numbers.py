"""Numbers as text (SQL Language Reference, Format Models: Number Format Models; TO_CHAR (number))."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal

from bridge.testing.oracle.errors import OracleError

Number = int | Decimal | float
_WIDE = Context(prec=200, rounding=ROUND_HALF_UP)
DEFAULT_WIDTH, MINIMAL_WIDTH = 40, 64
_MODEL = re.compile(r"^(FM)?(S)?(\$)?([90,G]*)(?:([.D])([90]*))?(EEEE)?(MI|S|PR)?$")


def number_text(number: Number, width: int = DEFAULT_WIDTH) -> str:
    """Without a format: all its digits, with a power of ten where it is wider; no 0 before a point."""
    if isinstance(number, float):
        return _binary(number)
    value = Decimal(number)
    fixed = _fixed(value)
    return fixed if len(fixed) <= width else _powers(value)


def formatted_number(number: Number, model: str) -> str:
    """By a model; a value too wide becomes number signs, as the manual says. ORA-01481."""
    model = model.upper()
    if model in ("TM", "TM9"):
        return _fixed(Decimal(repr(number))) if _plain(number) else number_text(number, MINIMAL_WIDTH)
    if model == "TME":
        return _powers(Decimal(str(number)))
    if re.fullmatch(r"(FM)?X+", model):
        return _hexadecimal(number, model)
    match = _MODEL.match(model)
    if match is None or not (match[4] or match[6]):
        raise OracleError(1481)
    return _modelled(Decimal(str(number)), match)


def _plain(number: Number) -> bool:
    return isinstance(number, float) and math.isfinite(number)


def _binary(number: float) -> str:
    if math.isnan(number):
        return "Nan"
    if math.isinf(number):
        return "Inf" if number > 0 else "-Inf"
    mantissa, _, exponent = f"{number:.16E}".partition("E")
    digits = mantissa.rstrip("0")
    return f"{digits + '0' if digits.endswith('.') else digits}E{exponent[0]}{int(exponent[1:]):03d}"


def _fixed(value: Decimal) -> str:
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text in ("", "-", "-0"):
        return "0"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _powers(value: Decimal) -> str:
    sign, digits, _ = value.normalize(_WIDE).as_tuple()
    text = "".join(map(str, digits))
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    exponent = value.adjusted()
    return f"{'-' * sign}{mantissa}E{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _hexadecimal(number: Number, model: str) -> str:
    width = model.count("X")
    digits = f"{round(number):X}"
    text = digits if len(digits) <= width else "#" * (width + 1)
    return text if model.startswith("FM") else text.rjust(width + 1)


def _modelled(value: Decimal, match: re.Match[str]) -> str:
    fill, whole, point, decimals, powers = match[1], match[4], match[5], match[6], match[7]
    if powers:
        raise OracleError(3001)
    rounded = abs(value).quantize(Decimal(1).scaleb(-len(decimals or "")), context=_WIDE)
    integer, _, fraction = format(rounded, "f").partition(".")
    picture = whole.replace("G", ",")
    places = len(picture.replace(",", ""))
    if integer.strip("0") and len(integer) > places:
        return "#" * (len(match[0]) + 1)
    body = _grouped(integer.lstrip("0"), picture)
    if point:
        kept = fraction.rstrip("0") if fill else fraction
        zeros = (decimals or "").rfind("0") + 1
        body += "." + kept.ljust(zeros, "0")
    elif not body.strip():
        body = body[:-1] + "0"
    return _signed(body, match, negative=value < 0)


def _grouped(digits: str, picture: str) -> str:
    """The whole part laid under its picture, from the right."""
    first_zero = picture.find("0")
    out, rest = [], list(digits)
    for place in range(len(picture) - 1, -1, -1):
        due = bool(rest) or (0 <= first_zero <= place)
        if picture[place] == ",":
            out.append("," if rest or (0 <= first_zero < place) else " ")
        else:
            out.append(rest.pop() if rest else "0" if due else " ")
    return "".join(reversed(out))


def _signed(body: str, match: re.Match[str], *, negative: bool) -> str:
    fill, lead, dollar, trail = match[1], match[2], match[3], match[8]
    bare = ("$" if dollar else "") + body.lstrip(" ")
    match trail:
        case "MI":
            text = bare + ("-" if negative else " ")
        case "S":
            text = bare + ("-" if negative else "+")
        case "PR":
            text = f"<{bare}>" if negative else f" {bare} "
        case _:
            text = ("-" if negative else "+" if lead else " ") + bare
    return text.strip() if fill else " " * (len(body) - len(body.lstrip(" "))) + text
