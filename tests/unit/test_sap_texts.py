"""What RFC_READ_TABLE answers, read column by column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connectors.sap_rfc.texts import lines, slices, strings, texts_to_array, without_zeros
from connectors.sap_rfc.types import Column, shifted
from tests.unit.test_sap_types import of

DATS, TIMS, INT4 = of("DATS", "D", 8), of("TIMS", "T", 6), of("INT4", "I", 10)
DEC, FLTP, RAW = of("DEC", "P", 5, 2), of("FLTP", "F", 16), of("RAW", "X", 2)
DECFLOAT, UTCL, CURR = of("D34N", "e", 34), of("UTCL", "p", 27), of("CURR", "P", 13, 2)
NO_NUMBER, NO_DATE = "C holds no number of its type", "C holds no date"
TOO_LONG = "C has more digits than the function module has room for"


def read(column: Column, texts: Sequence[str | None], places: Sequence[int] | None = None) -> list[Any]:
    """The values; of a refused one, why."""
    known = None if places is None else pa.array(places, pa.int8())
    array, refused = texts_to_array(column, pa.array(texts, pa.string()), known)
    assert array.type == column.field.type
    array.validate(full=True)
    assert all(not array[row].is_valid for row in refused)
    return [refused.get(row, value) for row, value in enumerate(array.to_pylist())]


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (DATS, "20240229", date(2024, 2, 29)),
        (DATS, "00010101", date(1, 1, 1)),
        (DATS, "99991231", date(9999, 12, 31)),
        (DATS, "00000000", None),
        (DATS, "", None),
        (DATS, "20230229", NO_DATE),
        (DATS, "19000229", NO_DATE),
        (DATS, "20230431", NO_DATE),
        (DATS, "20231301", NO_DATE),
        (DATS, "20230100", NO_DATE),
        (DATS, "00000101", NO_DATE),
        (DATS, "00000229", NO_DATE),
        (DATS, "2023 101", NO_DATE),
        (DATS, "2023-1-1", NO_DATE),
        (DATS, "99999999", NO_DATE),
        (TIMS, "235959", time(23, 59, 59)),
        (TIMS, "000001", time(0, 0, 1)),
        (TIMS, "000000", None),
        (TIMS, "", None),
        (TIMS, "240000", "C holds no time of a day"),
        (TIMS, "236000", "C holds no time of a day"),
        (TIMS, "1200", "C holds no time of a day"),
        (DEC, "123.45", Decimal("123.45")),
        (DEC, " 12.50-", Decimal("-12.50")),
        (DEC, "-12.50", Decimal("-12.50")),
        (DEC, "+12.50 ", Decimal("12.50")),
        (DEC, "- 1", Decimal("-1.00")),
        (DEC, "1 -", Decimal("-1.00")),
        (DEC, ".05-", Decimal("-0.05")),
        (DEC, "000123.4500", Decimal("123.45")),
        (DEC, "   0.00 ", Decimal("0.00")),
        (DEC, "", None),
        (DEC, "   ", None),
        (DEC, "*3.45", TOO_LONG),
        (DEC, "1234.5", NO_NUMBER),
        (DEC, "1.234", NO_NUMBER),
        (DEC, ".001", NO_NUMBER),
        (DEC, ".010", Decimal("0.01")),
        (DEC, "0.00000", Decimal("0.00")),
        (DEC, "1,5", NO_NUMBER),
        (DEC, "1.2.3", NO_NUMBER),
        (DEC, "-1-", NO_NUMBER),
        (DEC, ".", NO_NUMBER),
        (DEC, "-", NO_NUMBER),
        (of("DEC", "P", 3, 3), "0.125-", Decimal("-0.125")),
        (of("DEC", "P", 3, 3), "1.0", NO_NUMBER),
        (of("DEC", "P", 31, 0), "9" * 31, Decimal("9" * 31)),
        (INT4, "2147483647 ", 2**31 - 1),
        (INT4, "2147483648-", -(2**31)),
        (INT4, "2147483648", "C holds no whole number of its type"),
        (INT4, "*147483648", TOO_LONG),
        (INT4, "1.5", "C holds no whole number of its type"),
        (INT4, "", None),
        (of("INT1", "b", 3), "255", 255),
        (of("INT2", "s", 5), "32768-", -32768),
        (of("INT8", "8", 19), "9223372036854775808-", -(2**63)),
        (FLTP, " 1.500000000E+03", 1500.0),
        (FLTP, "-1.2E-05", -1.2e-05),
        (FLTP, " 0.000000000E+00", 0.0),
        (FLTP, "1E+999", NO_NUMBER),
        (FLTP, "1E", NO_NUMBER),
        (FLTP, "NaN", NO_NUMBER),
        (RAW, "00FF", b"\x00\xff"),
        (RAW, "00ff", b"\x00\xff"),
        (RAW, "", None),
        (RAW, "00", "C has 2 of 4 hexadecimal digits"),
        (RAW, "00FG", "C holds no hexadecimal digits"),
        (of("RSTR", "y"), "0102030405", b"\1\2\3\4\5"),
        (of("RSTR", "y"), "010", "C holds no hexadecimal digits"),
        (DECFLOAT, "1.50", "1.50"),
        (DECFLOAT, " 1.5E+3-", "-1500"),
        (DECFLOAT, "-1E-5", "-0.00001"),
        (DECFLOAT, "1.5E", NO_NUMBER),
        (UTCL, "2024-02-29 23:59:59.1234567", "2024-02-29T23:59:59.1234567Z"),
        (UTCL, "2024-02-29T23:59:59,5Z", "2024-02-29T23:59:59.5Z"),
        (UTCL, "", None),
        (UTCL, "0000-00-00T00:00:00.0000000", None),
        (UTCL, "2023-02-29 00:00:00.0000000", "C holds no point in time"),
        (UTCL, "2023-02-28 24:00:00.0000000", "C holds no point in time"),
        (of("CHAR", "C", 4), " ab", " ab"),
        (of("CHAR", "C", 4), "", ""),
        (of("CHAR", "C", 4), "a\uffff", "C holds what is no character"),
        (of("NUMC", "N", 4), "0042", "0042"),
        (of("LANG", "C", 1), "D", "D"),
        (of("UNIT", "C", 3), "KGM", "KGM"),
    ],
)
def test_a_text_is_its_value_or_says_why_it_is_none(column: Column, text: str, value: Any) -> None:
    assert read(column, [text]) == [value]
    assert read(column, [text, None, text])[0::2] == [value, value]


def test_only_the_rows_that_hold_no_value_are_refused() -> None:
    assert read(DATS, ["20240101", "20240230", "00000000", "20240301"]) == [
        date(2024, 1, 1),
        NO_DATE,
        None,
        date(2024, 3, 1),
    ]


def test_no_rows_are_no_values() -> None:
    for column in (DATS, TIMS, DEC, INT4, FLTP, RAW, DECFLOAT, UTCL):
        assert read(column, []) == []
        assert read(column, [None]) == [None]


def test_an_amount_counts_the_smallest_units_of_its_currency() -> None:
    amounts = ["123.45", "123.45-", "123.45", "123.45", "*3.45", ""]
    assert read(shifted(CURR, 3), amounts, [2, 0, 3, 2, 0, 0]) == [
        Decimal("123.450"),
        Decimal(-12345),
        Decimal("12.345"),
        Decimal("123.450"),
        TOO_LONG,
        None,
    ]


def test_an_amount_without_its_currencies_is_as_it_is_stored() -> None:
    assert read(CURR, ["123.45"]) == [Decimal("123.45")]


def test_the_greatest_amount_fits_in_any_currency() -> None:
    column = of("CURR", "P", 31, 2)
    number = "9" * 29 + ".99"
    for most in (5, 9):
        assert read(shifted(column, most), [number, number], [0, 5]) == [
            Decimal("9" * 31),
            Decimal("9" * 26 + "." + "9" * 5),
        ]


def test_a_currency_with_more_decimals_than_were_known_refuses_the_row() -> None:
    assert read(shifted(CURR, 2), ["123.45", "1.00"], [4, 2]) == [NO_NUMBER, Decimal("1.00")]


def test_the_conversion_exit_drops_leading_zeros_of_digits_only() -> None:
    texts = pa.array(["0000001000", "0000", "0", "", "00A1", "A001", "12", None])
    assert without_zeros(texts).to_pylist() == ["1000", "0", "0", "", "00A1", "A001", "12", None]


def test_columns_are_cut_at_their_places_whatever_stands_between() -> None:
    data = lines([{"WA": "100|0000000042|Smith | 12.50-"}, {"WA": "100||||||||"}, {"WA": ""}])
    found = slices(data, [(0, 3), (4, 10), (15, 6), (22, 7)])
    assert [each.to_pylist() for each in found] == [
        ["100", "100", ""],
        ["0000000042", "|||||||", ""],
        ["Smith", "", ""],
        [" 12.50-", "", ""],
    ]


def test_places_count_units_of_utf_16() -> None:
    data = lines([{"WA": "Zürich  €5"}, {"WA": "𝄞🙂 x  ab"}, {"WA": "日本語     中文"}, {"WA": "plain"}])
    found = slices(data, [(0, 5), (5, 3), (8, 1), (9, 1)])
    assert [each.to_pylist() for each in found] == [
        ["Züric", "𝄞🙂", "日本語", "plain"],
        ["h", "x", "", ""],
        ["€", "a", "中", ""],
        ["5", "b", "文", ""],
    ]


@pytest.mark.parametrize("text", ["a🙂", "\ufffea", "a\ud83d", "\ude42"])
def test_half_a_character_refuses_its_row(text: str) -> None:
    (cut,) = slices(strings([text, "fine", "ü"]), [(0, 2)])
    assert read(of("CHAR", "C", 2), cut.to_pylist()) == ["C holds what is no character", "fi", "ü"]


def test_two_halves_of_a_character_are_that_character() -> None:
    assert strings(["a\ud83d\ude42", None, "\ud83d"]).to_pylist() == ["a🙂", None, "\uffff"]
