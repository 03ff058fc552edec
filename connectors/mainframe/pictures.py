"""COBOL's PICTURE clauses, as screens show their numbers and texts, compiled. Pure.

After Enterprise COBOL's language reference, with two additions: parentheses as a sign, and S beside `+` or
`-`, where it means nothing. Inserted zeros (`0`) are refused: most who write one mean a digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.mainframe.shapes import CURRENCIES, SWAPPED, NumberPicture, Point, TextPicture, places

MOST_DIGITS = 38
"""As many as Arrow's decimal128 holds."""
SYMBOLS = "9 Z * S V P , . + - CR DB ( ) B / $ € £ ¥, or X A for text; 9(5) stands for 99999"
_MOST_CELLS = 9999
_REPEATED = re.compile(r"([^()])\((\d{1,4})\)")
_TEXT = {"X": "(?s:.)", "A": "(?:[^\\W\\d_]| )", "9": "[0-9]"}
_FRONT = re.compile(
    rf"(?P<sign>(?:([+-])(?!\2))?)(?P<currency>(?:([{CURRENCIES}])(?!\4))?)"
    rf"(?P<floating>(?:([+\-{CURRENCIES}])(?=\6))?)"
)
_BODY = re.compile(
    r"(?P<before>V?P+|)(?P<whole>[*,B/]*[*][,B/]*|[Z,B/]*)(?P<nines>[9,B/]*)"
    r"(?P<point>[.V]?)(?P<fraction>[9,B/]*|Z*|\**)(?P<after>P*)V?"
    rf"(?P<unit>(?:B*[{CURRENCIES}])?)(?P<gap>B*)"
)


class NoPicture(ValueError):
    """What is wrong with a picture, as in `has no digits`."""


def picture(text: str, point: Point = ".") -> NumberPicture | TextPicture:
    """A compiled picture; `point` is the decimal point. Errors: NoPicture."""
    expanded = _expanded(text)
    if re.fullmatch(r"[XA9]*[XA][XA9]*", expanded):
        return TextPicture(text, len(expanded), re.compile("".join(_TEXT[cell] for cell in expanded)))
    return _number(text, expanded if point == "." else expanded.translate(SWAPPED), point)


def _expanded(text: str) -> str:
    """Without repetitions."""
    counts = [int(count) for _, count in _REPEATED.findall(text)]
    if sum(counts) > _MOST_CELLS or 0 in counts:
        raise NoPicture(f"repeats a symbol never, or more than {_MOST_CELLS} times")
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), text.upper())


def _number(text: str, symbols: str, point: Point) -> NumberPicture:
    lead, trail, rest = _around(symbols)
    front = _FRONT.match(rest)
    sign, currency, floating = front.group("sign", "currency", "floating") if front else ("", "", "")
    body = rest[len(sign + currency + floating) :]
    found = _BODY.fullmatch(body.replace(floating, "Z") if floating else body)
    if found is None:
        raise NoPicture(_misfit(rest))
    whole = found["whole"] + found["nines"]
    cells = whole + found["point"].replace("V", "") + found["fraction"] + found["unit"]
    shown = cells.rstrip("B")
    made = NumberPicture(
        text=text,
        digits=places(cells) + found["before"].count("P") + len(found["after"]),
        scale=found["before"].count("P") + places(whole) if found["before"] else places(found["fraction"]),
        lead=lead or sign,
        currency=currency,
        floating=floating,
        cells=shown,
        point=len(whole) if found["point"] else len(shown),
        gap=len(found["gap"]) + len(cells) - len(shown),
        trail=trail,
        shift=len(found["after"]),
        decimal=point,
    )
    for fault in _faults(made, found, bool(lead and sign)):
        raise NoPicture(fault)
    return made


def _around(symbols: str) -> tuple[str, str, str]:
    """The signs at both ends, and what is between them; S for one in the last digit."""
    if symbols.startswith("(") and symbols.endswith(")"):
        return "(", ")", symbols[1:-1]
    rest = symbols.removeprefix("S")
    for sign in ("CR", "DB", "+", "-"):
        if rest.endswith(sign) and not rest.startswith(sign * 2):
            return "", sign, rest.removesuffix(sign)
    return "", "S" if rest != symbols and not rest.startswith(("+", "-")) else "", rest


def _misfit(symbols: str) -> str:
    strange = next((each for each in symbols if each not in f"9Z*.,VPB/+-{CURRENCIES}"), "")
    if strange == "0":
        return "inserts a zero: write 9 for a digit"
    return f"has {strange!r}, which is no symbol here" if strange else "has an order that means nothing"


def _faults(made: NumberPicture, found: re.Match[str], two_leads: bool) -> Iterator[str]:  # noqa: FBT001
    whole, fraction = found["whole"] + found["nines"], found["fraction"]
    signs = [
        made.trail if made.lead != "(" else "",
        made.lead,
        made.floating if made.floating in "+-" else "",
    ]
    currencies = [made.currency, made.floating if made.floating in CURRENCIES else "", found["unit"]]
    scaled = bool(found["before"]) + bool(found["after"]) + bool(found["point"])
    if not places(made.cells):
        yield "has no digits"
    elif made.digits > MOST_DIGITS:
        yield f"has more than {MOST_DIGITS} digits"
    elif made.cells[0] in ",B/":
        yield "begins with an insertion"
    if sum(map(bool, signs)) > 1 or two_leads:
        yield "has two signs"
    if sum(map(bool, currencies)) > 1:
        yield "has two currencies"
    if scaled > 1 or (fraction and not found["point"]):
        yield "has an order that means nothing"
    if fraction[:1] in ("Z", "*") and not set(whole) <= {fraction[0], *",B/"}:
        yield "suppresses zeros after the point, and not all before it"
    if made.trail == "S" and not set(made.cells) <= {"9"}:
        yield "has S beside insertions or suppressed zeros: the sign needs a cell, as in `ZZ9-`"
