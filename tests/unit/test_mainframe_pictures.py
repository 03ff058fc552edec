"""Pictures and forms of dates: what they show, what they read, what they refuse."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from connectors.mainframe.dates import Kind, NoFormat, form
from connectors.mainframe.pictures import NoPicture, picture
from connectors.mainframe.shapes import NumberPicture, Point, TextPicture


def number(text: str, point: Point = ".") -> NumberPicture:
    made = picture(text, point)
    assert isinstance(made, NumberPicture)
    return made


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("9(8)", 42, "00000042"),
        ("S9(7)V99-", Decimal("-12.34"), "000001234-"),
        ("9(5)V99", Decimal("12.34"), "0001234"),
        ("ZZZ,ZZ9.99-", Decimal("-1234.5"), "  1,234.50-"),
        ("ZZZ,ZZ9.99CR", Decimal("-0.05"), "      0.05CR"),
        ("ZZZ,ZZ9.99BCR", Decimal(5), "      5.00   "),
        ("9(3)DB", -7, "007DB"),
        ("$$,$$9.99", Decimal("12.34"), "   $12.34"),
        ("$ZZ9.99".replace(" ", ""), Decimal(5), "$  5.00"),
        ("--,--9", -1234, "-1,234"),
        ("++9", 5, " +5"),
        ("-ZZ9", -5, "-  5"),
        ("+9(3)", 5, "+005"),
        ("***,**9.99", Decimal(5), "******5.00"),
        ("**.**", Decimal(0), "**.**"),
        ("(ZZ9.99)", Decimal(-5), "(  5.00)"),
        ("(ZZ9.99)", Decimal(5), "   5.00 "),
        ("ZZ.ZZ", Decimal("0.05"), "  .05"),
        ("9(3)PP", 12300, "123"),
        ("VPP99", Decimal("0.0012"), "12"),
        ("99/99/99", 123456, "12/34/56"),
        ("ZZ9.99B€", Decimal("5.5"), "  5.50 €"),
        ("S9(5)", -120, "0012}"),
        ("S9(5)V99", Decimal("-1.23"), "000012L"),
        ("s9(3)v9", Decimal("1.5"), "0015"),
    ],
)
def test_a_picture_shows_a_number_and_reads_it(text: str, value: Any, shown: str) -> None:
    made = number(text)
    assert made.format(value) == shown
    assert made.width == len(shown)
    read = made.parse(shown)
    assert read == value
    assert type(read) is (Decimal if made.scale else int)


def test_the_decimal_point_may_be_a_comma() -> None:
    made = number("Z.ZZ9,99-", ",")
    assert made.parse("1.234,50-") == Decimal("-1234.50")
    with pytest.raises(ValueError, match="does not fit"):
        made.parse("1,234.50-")


def test_a_number_keeps_the_scale_of_its_picture() -> None:
    assert str(number("9(3)V99").parse("00100")) == "1.00"
    assert str(number("9(30)V9(8)").parse("1" * 38)) == "1" * 30 + "." + "1" * 8


@pytest.mark.parametrize("text", ["ABCDEFGHI", "{ABCDEFGH"])
def test_a_positive_sign_may_be_in_the_last_digit(text: str) -> None:
    assert [number("S9").parse(letter) for letter in text] == ["{ABCDEFGHI".index(letter) for letter in text]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9(5)", "1234"),
        ("9(5)", "123456"),
        ("9(5)", "12 45"),
        ("9(5)", "12A45"),
        ("9(5)", "-1234"),
        ("9(5)", "\uff11\uff12\uff13\uff14\uff15"),
        ("9(5)", "+12345"),
        ("9(5)V99", "12345.67"),
        ("9(5)V99-", "-1234567"),
        ("9(5)-", "12345 -"),
        ("ZZ,ZZ9", "012"),
        ("ZZ,ZZ9", "1234"),
        ("ZZ,ZZ9", "1,23"),
        ("ZZ9.99", "5.0"),
        ("ZZ9.99", "5"),
        ("ZZ9.99CR", "5.00-"),
        ("ZZ9.99CR", "5.00C"),
        ("$$9.99", "5.00"),
        ("$ZZ9", "$5"),
        ("+ZZ9", "  5"),
        ("(ZZ9)", "(5"),
        ("(ZZ9)", "5)"),
        ("S9(3)", "-12"),
        ("S9(3)", "1{2"),
        ("***9", "   5"),
    ],
)
def test_what_a_picture_could_not_have_shown_is_no_number(text: str, shown: str) -> None:
    with pytest.raises(ValueError, match="does not fit the picture"):
        number(text).parse(shown)


@pytest.mark.parametrize("text", ["9(5)", "ZZZ", "ZZZ.ZZ", "S9", "***"])
def test_blank_is_no_number_not_even_zero(text: str) -> None:
    with pytest.raises(ValueError, match="is blank"):
        number(text).parse("    ")


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("9(3)", 1000, "has more digits than"),
        ("9(3)V9", Decimal("0.01"), "has more decimals than"),
        ("9(3)", -1, "is negative"),
        ("9(3)PP", 10, "has more decimals than"),
        ("9", Decimal("1e300"), "has more digits than"),
    ],
)
def test_a_number_that_does_not_fit_is_not_shown(text: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        number(text).format(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no digits"),
        ("S", "has no digits"),
        ("9(0)", "repeats a symbol never"),
        ("X(9999)X(9)", "more than 9999 times"),
        ("9(39)", "more than 38 digits"),
        ("$$,$$0.00", "inserts a zero: write 9"),
        ("#99", "has '#', which is no symbol"),
        ("9.9.9", "an order that means nothing"),
        ("Z9Z", "an order that means nothing"),
        ("P9.9", "an order that means nothing"),
        ("-9-", "has two signs"),
        ("+9CR", "has two signs"),
        ("(-9)", "has two signs"),
        ("$9€", "has two currencies"),
        ("B99", "begins with an insertion"),
        ("Z9.ZZ", "suppresses zeros after the point"),
        ("SZ9", "has S beside insertions or suppressed zeros"),
        ("(9", "has '\\(', which is no symbol"),
    ],
)
def test_a_picture_that_means_nothing_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NoPicture, match=reason):
        picture(text)


def test_a_text_has_the_form_of_its_picture() -> None:
    made = picture("A(2)9(3)X")
    assert isinstance(made, TextPicture)
    assert made.parse("DE123 ") == "DE123"
    assert made.format("DE123") == "DE123 "
    for wrong in ("D1123", "DE12", "DE12X", "DE123XX"):
        with pytest.raises(ValueError, match="does not fit"):
            made.parse(wrong)


@pytest.mark.parametrize(
    ("text", "kind", "window", "shown", "value"),
    [
        ("YYYYMMDD", "date", None, "20240229", date(2024, 2, 29)),
        ("DD.MM.YY", "date", 1950, "31.12.49", date(2049, 12, 31)),
        ("DD.MM.YY", "date", 1950, "01.01.50", date(1950, 1, 1)),
        ("dd/mm/yyyy", "date", None, "01/02/2024", date(2024, 2, 1)),
        ("YYDDD", "date", 1970, "24366", date(2024, 12, 31)),
        ("DDMMMYY", "date", 1970, "05FEB24", date(2024, 2, 5)),
        ("D.M.YYYY", "date", None, "5.2.2024", date(2024, 2, 5)),
        ("HHMMSS", "time", None, "235959", time(23, 59, 59)),
        ("HH:MM AM", "time", None, "12:05 AM", time(0, 5)),
        ("HH:MM AM", "time", None, "12:05 PM", time(12, 5)),
        ("HH.MM.SS.FF", "time", None, "01.02.03.45", time(1, 2, 3, 450_000)),
        (
            "YYYY-MM-DD-HH.MM.SS.FFFFFF",
            "timestamp",
            None,
            "2024-02-29-13.14.15.000123",
            datetime.fromisoformat("2024-02-29T13:14:15.000123"),
        ),
        ("MMDDHHMMYY", "timestamp", 2000, "0201153024", datetime.fromisoformat("2024-02-01T15:30")),
    ],
)
def test_a_form_shows_a_date_and_reads_it(
    text: str, kind: Kind, window: int | None, shown: str, value: Any
) -> None:
    made = form(text, kind, window)
    assert made.parse(shown) == value
    assert made.format(value) == shown


@pytest.mark.parametrize(
    ("text", "kind", "shown", "reason"),
    [
        ("DD.MM.YYYY", "date", "00.00.0000", "is no date by DD.MM.YYYY"),
        ("DD.MM.YYYY", "date", "29.02.2023", "is no date"),
        ("DD.MM.YYYY", "date", "1.2.2024", "does not have the form"),
        ("DD.MM.YYYY", "date", "01-02-2024", "does not have the form"),
        ("DD.MM.YYYY", "date", "        ", "is blank"),
        ("YYYYDDD", "date", "2023366", "is no date"),
        ("YYYYDDD", "date", "2023000", "is no date"),
        ("HHMM", "time", "2400", "is no time"),
        ("HH:MM AM", "time", "13:00 PM", "is no time"),
        ("HH:MM AM", "time", "00:00 AM", "is no time"),
    ],
)
def test_what_is_no_date_is_refused(text: str, kind: Kind, shown: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        form(text, kind).parse(shown)


@pytest.mark.parametrize(
    ("text", "kind", "window", "reason"),
    [
        ("DD.MM.YY", "date", None, "give the first year it can mean"),
        ("DD.MM.YYYY", "date", 1950, "needs no `window`"),
        ("YYYY-MM", "date", None, "has no whole date"),
        ("YYYYMMDDHHMM", "date", None, "write `timestamp`"),
        ("YYYYMMDDHHMM", "time", None, "has a date"),
        ("YYYYMMDDMM", "date", None, "has two parts for the month"),
        ("YYYYMMDD", "timestamp", None, "has no whole time"),
        ("DDHHMM", "time", None, "has a date"),
        ("HH", "time", None, "has no whole time"),
        ("HHMMFF", "time", None, "a fraction, and no second"),
        ("HHMMSSFFFFFFF", "time", None, "more than 6 digits"),
        ("DDDDMMYYYY", "date", None, "has no whole date"),
        ("YYYYMMDDX", "date", None, "has 'X', which is no part of a date"),
    ],
)
def test_a_form_that_is_no_date_is_refused(text: str, kind: Kind, window: int | None, reason: str) -> None:
    with pytest.raises(NoFormat, match=reason):
        form(text, kind, window)


def test_a_date_outside_its_window_is_not_shown_as_another() -> None:
    with pytest.raises(ValueError, match="cannot be written as YYMMDD"):
        form("YYMMDD", "date", 1950).format(date(1949, 12, 31))
