"""What functions answer, as Arrow's: whatever the client, whatever the depth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from bridge.errors import TransientError
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.types import arrow_of
from connectors.sap_rfc.values import values_to_array

NO_NUMBER, NO_WHOLE, NO_DATE = (
    "F holds no number of its type",
    "F holds no whole number of its type",
    "F holds no date",
)


def of(kind: Kind, length: int = 0, decimals: int = 0) -> Field:
    return Field("F", kind, length, decimals)


def read(field: Field, values: Sequence[Any]) -> list[Any]:
    """The values; of a refused one, why."""
    array, refused = values_to_array(field, values)
    array.validate(full=True)
    assert array.type == arrow_of(field)
    return [refused.get(row, value) for row, value in enumerate(array.to_pylist())]


BCD, INT = of(Kind.BCD, 5, 2), of(Kind.INT)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (of(Kind.CHAR, 4), "ab", "ab"),
        (of(Kind.CHAR, 4), "", ""),
        (of(Kind.CHAR, 4), "日本🙂", "日本🙂"),
        (of(Kind.CHAR, 4), "\ud83d", "F holds what is no character"),
        (of(Kind.NUM, 4), "0042", "0042"),
        (of(Kind.STRING), "x" * 70_000, "x" * 70_000),
        (of(Kind.DATE), "20240229", date(2024, 2, 29)),
        (of(Kind.DATE), date(2024, 2, 29), date(2024, 2, 29)),
        (of(Kind.DATE), date(1, 1, 1), date(1, 1, 1)),
        (of(Kind.DATE), "00000000", None),
        (of(Kind.DATE), "", None),
        (of(Kind.DATE), "        ", None),
        (of(Kind.DATE), "20230229", NO_DATE),
        (of(Kind.TIME), "235959", time(23, 59, 59)),
        (of(Kind.TIME), time(23, 59, 59), time(23, 59, 59)),
        (of(Kind.TIME), "000000", None),
        (of(Kind.TIME), "240000", "F holds no time of a day"),
        (BCD, Decimal("123.45"), Decimal("123.45")),
        (BCD, Decimal("1E+2"), Decimal("100.00")),
        (BCD, Decimal("-0.0500"), Decimal("-0.05")),
        (BCD, "-123.45", Decimal("-123.45")),
        (BCD, 12, Decimal("12.00")),
        (BCD, 1.5, Decimal("1.50")),
        (BCD, Decimal("1234.5"), NO_NUMBER),
        (BCD, Decimal("1.005"), NO_NUMBER),
        (BCD, Decimal("NaN"), NO_NUMBER),
        (of(Kind.FLOAT), 0.1, 0.1),
        (of(Kind.FLOAT), "1.5E+3", 1500.0),
        (of(Kind.FLOAT), "x", NO_NUMBER),
        (INT, 2**31 - 1, 2**31 - 1),
        (INT, "42-", -42),
        (INT, 2**31, NO_WHOLE),
        (INT, 1.5, NO_WHOLE),
        (of(Kind.INT1), 255, 255),
        (of(Kind.INT2), -(2**15), -(2**15)),
        (of(Kind.INT8), 2**63 - 1, 2**63 - 1),
        (of(Kind.INT8), 2**63, NO_WHOLE),
        (of(Kind.DECF16), Decimal("1.50"), "1.50"),
        (of(Kind.DECF34), Decimal("-1E+3"), "-1000"),
        (of(Kind.DECF34), "0.1", "0.1"),
        (of(Kind.DECF34), Decimal("NaN"), NO_NUMBER),
        (of(Kind.BYTE, 2), b"\x00\xff", b"\x00\xff"),
        (of(Kind.XSTRING), b"", b""),
        (of(Kind.UTCLONG), "2024-02-29T23:59:59.1234567", "2024-02-29T23:59:59.1234567Z"),
        (of(Kind.UTCLONG), datetime(2024, 2, 29, 23, 59, 59, 500_000), "2024-02-29T23:59:59.500000Z"),  # noqa: DTZ001
        (of(Kind.UTCLONG), "0000-00-00T00:00:00.0000000", None),
    ],
)
def test_a_value_of_any_client_is_the_same_or_says_why_it_is_none(
    field: Field, value: Any, told: Any
) -> None:
    assert read(field, [value]) == [told]
    assert read(field, [None, value, None]) == [None, told, None]


def test_no_rows_are_no_values() -> None:
    for kind in Kind:
        field = of(kind, 5, 2)
        assert read(field, []) == []
        assert read(field, [None, None]) == [None, None]


LINE = (Field("POS", Kind.NUM, 3), Field("AT", Kind.DATE, 8))
ITEMS = Field("ITEMS", Kind.TABLE, fields=LINE)
HEAD = Field("HEAD", Kind.STRUCTURE, fields=(Field("ID", Kind.INT), ITEMS))


def item(pos: str, at: str = "00000000") -> dict[str, str]:
    return {"POS": pos, "AT": at}


def test_structures_and_tables_keep_their_shape() -> None:
    heads = [
        {"ID": 1, "ITEMS": [item("001", "20240229"), item("002")]},
        None,
        {"ID": 2, "ITEMS": []},
        {"ID": 3, "ITEMS": None},
    ]
    assert read(HEAD, heads) == [
        {"ID": 1, "ITEMS": [{"POS": "001", "AT": date(2024, 2, 29)}, {"POS": "002", "AT": None}]},
        None,
        {"ID": 2, "ITEMS": []},
        {"ID": 3, "ITEMS": None},
    ]


def test_a_refused_value_is_named_by_its_path_and_refuses_its_row_only() -> None:
    heads = [
        {"ID": 1, "ITEMS": [item("001")]},
        {"ID": 2, "ITEMS": [item("001"), item("002", "20230230"), item("003", "x")]},
        {"ID": 2**40, "ITEMS": []},
    ]
    _, refused = values_to_array(HEAD, heads)
    assert refused == {
        1: "HEAD.ITEMS[1].AT holds no date",
        2: "HEAD.ID holds no whole number of its type",
    }


@pytest.mark.parametrize("lines", [["a", "b"], [{"": "a"}, {"": "b"}]])
def test_tables_of_words_are_lists_of_words(lines: list[Any]) -> None:
    words = Field("WORDS", Kind.TABLE, fields=(Field("", Kind.STRING),))
    assert read(words, [lines, [], None]) == [["a", "b"], [], None]


def test_a_word_that_is_none_is_named_by_its_line() -> None:
    dates = Field("DATES", Kind.TABLE, fields=(Field("", Kind.DATE, 8),))
    _, refused = values_to_array(dates, [["20240101"], [], ["20240101", "20249999"]])
    assert refused == {2: "DATES[1] holds no date"}


def test_a_structure_without_fields_is_there_or_not() -> None:
    nothing = Field("N", Kind.STRUCTURE)
    assert read(nothing, [{}, None]) == [{}, None]


def test_a_structure_that_lacks_a_field_was_altered_meanwhile() -> None:
    with pytest.raises(TransientError, match="HEAD came without its field 'ITEMS': the function was altered"):
        values_to_array(HEAD, [{"ID": 1}])


def test_ten_levels_are_no_more_than_one() -> None:
    field, value = Field("L", Kind.INT), 7
    told: Any = value
    nested: Any = value
    for _ in range(10):
        field = Field("L", Kind.TABLE, fields=(field,))
        nested, told = [{"L": nested}], [{"L": told}]
    assert values_to_array(field, [nested]).array.to_pylist() == [told]
    assert pa.types.is_list(values_to_array(field, [nested]).array.type)
