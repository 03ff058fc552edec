"""What a picture shows is read back as it was, and nothing that it could not show is a value."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connectors.mainframe.dates import Format, Kind, form
from connectors.mainframe.pictures import MOST_DIGITS, NoPicture, picture
from connectors.mainframe.shapes import NumberPicture, Point

SHOWN = "0123456789 ,.-+*/()CRDBPZ$€{}AIJR"
wrong = st.sampled_from(["0", " ", "0", " ", "-", "", "00", *SHOWN])
counts = st.integers(0, 8)


def run(symbol: str, count: int) -> str:
    return f"{symbol}({count})" if count > 3 else symbol * count


@st.composite
def with_commas(draw: st.DrawFn, symbol: str, nines: int) -> str:
    """Digits before the point, some with a comma before each three from the right."""
    cells = symbol * draw(counts) + "9" * nines
    if draw(st.booleans()):
        at = range(len(cells) - 3, 0, -3)
        cells = "".join(("," if place in at else "") + cell for place, cell in enumerate(cells))
    return cells


@st.composite
def pictures(draw: st.DrawFn) -> NumberPicture:
    """Pictures of all shapes; those that say nothing are left out."""
    point = cast(Point, draw(st.sampled_from(".,")))
    front = draw(st.sampled_from(["", "", "S", "+", "-", "$", "-$", "$$", "--", "++", "+€€"]))
    symbol = (
        front[-1]
        if len(front) > 1 and front[-2:] in ("$$", "--", "++", "€€")
        else draw(st.sampled_from("Z*"))
    )
    whole = draw(with_commas(symbol, draw(counts)))
    fraction = draw(st.sampled_from(["", "V", "."]))
    fraction += run("9", draw(st.integers(1, 4))) if fraction else draw(st.sampled_from(["", "PP"]))
    back = draw(st.sampled_from(["", "", "-", "+", "CR", "DB", "BCR", "B€"]))
    text = front + whole + fraction + back
    if draw(st.booleans()) and not front.startswith(tuple("S+-")) and not back:
        text = f"({text})"
    try:
        made = picture(text if point == "." else text.translate(str.maketrans(",.", ".,")), point)
    except NoPicture:
        assume(False)
        raise
    assert isinstance(made, NumberPicture)
    return made


@st.composite
def shown(draw: st.DrawFn) -> tuple[NumberPicture, Decimal]:
    """A picture and a number that it can show."""
    made = draw(pictures())
    least = Decimal(10) ** (made.text.count("P") if not made.scale else 0)
    places = made.digits - (made.text.count("P") if not made.scale else 0)
    units = draw(st.one_of(st.integers(0, 10**places - 1), st.integers(0, min(10, 10**places - 1))))
    number = Decimal(f"{units}E-{made.scale}") * least if places < 28 else Decimal(f"{units}E-{made.scale}")
    return made, -number if made.signed and number and draw(st.booleans()) else number


@given(shown())
def test_a_number_that_is_shown_is_read_back(given: tuple[NumberPicture, Decimal]) -> None:
    made, number = given
    text = made.format(number)
    assert len(text) == made.width
    if not number and not text.strip():  # a picture without a 9 shows zero as blanks
        with pytest.raises(ValueError, match="is blank"):
            made.parse(text)
    else:
        assert made.parse(text) == number
        assert made.parse(f"  {text}   ") == number


@settings(max_examples=500)
@given(shown(), st.data())
def test_a_text_is_a_value_only_if_the_picture_could_have_shown_it(
    given: tuple[NumberPicture, Decimal], data: st.DataObject
) -> None:
    made, number = given
    text = made.format(number)
    first = len(text) - len(text.lstrip(" *$€+-"))  # where a zero, a blank or a sign too many would be
    at = data.draw(st.one_of(st.integers(max(0, first - 2), first + 1), st.integers(0, len(text))))
    cut = data.draw(st.sampled_from([1, 1, 0, 2]))
    assert_canonical(made, text[:at] + data.draw(wrong) + text[at + cut :])


@given(pictures(), st.one_of(st.text(max_size=20), st.text(SHOWN, max_size=14)))
def test_garbage_is_never_a_number(made: NumberPicture, text: str) -> None:
    assert_canonical(made, text)


def assert_canonical(made: NumberPicture, text: str) -> None:
    """What is read as a number is what the picture shows for it, blanks around it apart."""
    try:
        number = made.parse(text)
    except ValueError:
        return
    read, shown = (unpunched(made, each) for each in (text, made.format(number)))
    if not number:  # a host may leave a sign at a zero that was less than nothing before it was cut off
        read, shown = (each.translate(str.maketrans("}", "0", "-+CRDB()")) for each in (read, shown))
    if made.lead == "(":  # beside the first digit shown, or in a cell of its own
        read, shown = (re.sub(r"\( +", "(", each) for each in (read, shown))
    assert read.strip(" ") == shown.strip(" ")


def unpunched(made: NumberPicture, text: str) -> str:
    """A positive last digit may have its sign in it, or not."""
    return text.translate(str.maketrans("{ABCDEFGHI", "0123456789")) if made.trail == "S" else text


FORMATS: list[tuple[str, Kind, int | None]] = [
    ("YYYYMMDD", "date", None),
    ("DD.MM.YY", "date", 1950),
    ("MM/DD/YYYY", "date", None),
    ("YYDDD", "date", 1970),
    ("DDMMMYY", "date", 1999),
    ("D.M.YYYY", "date", None),
    ("HHMMSS", "time", None),
    ("HH:MM", "time", None),
    ("H:MM AM", "time", None),
    ("HH.MM.SS.FFF", "time", None),
    ("YYYY-MM-DD-HH.MM.SS.FFFFFF", "timestamp", None),
    ("DDMMYYHHMM", "timestamp", 1930),
    ("YYYY-MM-DDTHH:MM:SS", "timestamp", None),
]
formats = st.sampled_from(FORMATS).map(lambda each: form(*each))


def value_of(made: Format, data: st.DataObject) -> Any:
    first, last = (made.window, made.window + 99) if made.window else (1, 9999)
    moment = data.draw(
        st.datetimes(datetime.fromisoformat(f"{first:04d}-01-01"), datetime.fromisoformat(f"{last}-12-31"))
    )
    step = 10 ** (6 - made.digits)
    parts = {name for name, _ in made.tokens}
    moment = moment.replace(
        second=moment.second if "second" in parts else 0, microsecond=moment.microsecond // step * step
    )
    if made.digits == 0:
        moment = moment.replace(microsecond=0)
    return {"date": moment.date(), "time": moment.time(), "timestamp": moment}[made.kind]


@given(formats, st.data())
def test_a_date_that_is_shown_is_read_back(made: Format, data: st.DataObject) -> None:
    value = value_of(made, data)
    text = made.format(value)
    assert len(text) <= made.width
    assert made.parse(f" {text} ") == value


@settings(max_examples=300)
@given(formats, st.data())
def test_a_date_that_was_changed_is_another_one_or_none(made: Format, data: st.DataObject) -> None:
    text = made.format(value_of(made, data))
    at = data.draw(st.integers(0, len(text)))
    assert_canonical_date(
        made, text[:at] + data.draw(st.text("0123456789 .:/-", max_size=1)) + text[at + 1 :]
    )


@given(formats, st.text(max_size=30))
def test_garbage_is_never_a_date(made: Format, text: str) -> None:
    assert_canonical_date(made, text)


def assert_canonical_date(made: Format, text: str) -> None:
    """What is read as a date is how the form shows it; D, M and H may have a zero or a blank before them."""
    try:
        value = made.parse(text)
    except ValueError:
        return
    read, shown = text.strip(" ").upper(), made.format(value)
    if any(part and token in ("D", "M", "H") for part, token in made.tokens):
        read, shown = (re.sub(r"(?<![0-9])[0 ]+(?=[0-9])", "", each) for each in (read, shown))
    assert read == shown


@given(st.text("9ZSVPX*,.+-CRDB()$/A0#", max_size=12))
def test_a_picture_is_compiled_or_refused(text: str) -> None:
    try:
        made = picture(text)
    except NoPicture:
        return
    if isinstance(made, NumberPicture):
        assert 0 < made.digits <= MOST_DIGITS
        assert made.parse(made.format(0)) == 0 if made.format(0).strip() else made.width
