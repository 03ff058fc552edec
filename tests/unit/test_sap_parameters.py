"""Values of the configuration as a function's parameters."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from bridge.errors import ConfigError
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.parameters import parameter


def of(kind: Kind, length: int = 0, decimals: int = 0) -> Field:
    return Field("P", kind, length, decimals)


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [
        (of(Kind.CHAR, 4), "ab", "ab"),
        (of(Kind.CHAR, 2), "🙂", "🙂"),
        (of(Kind.STRING), "x" * 1000, "x" * 1000),
        (of(Kind.NUM, 4), "42", "0042"),
        (of(Kind.NUM, 4), 42, "0042"),
        (of(Kind.NUM, 4), "", "0000"),
        (of(Kind.DATE), "20241231", "20241231"),
        (of(Kind.DATE), "2024-12-31", "20241231"),
        (of(Kind.DATE), 20241231, "20241231"),
        (of(Kind.DATE), date(2024, 12, 31), "20241231"),
        (of(Kind.DATE), date(1, 1, 1), "00010101"),
        (of(Kind.DATE), datetime(2024, 12, 31, 1, 2), "20241231"),  # noqa: DTZ001
        (of(Kind.DATE), "00000000", "00000000"),
        (of(Kind.DATE), "", "00000000"),
        (of(Kind.DATE), None, "00000000"),
        (of(Kind.TIME), "235959", "235959"),
        (of(Kind.TIME), "23:59:59", "235959"),
        (of(Kind.TIME), time(23, 59, 59), "235959"),
        (of(Kind.TIME), None, "000000"),
        (of(Kind.TIME), "000000", "000000"),
        (of(Kind.BCD, 5, 2), "123.45", Decimal("123.45")),
        (of(Kind.BCD, 5, 2), 100, Decimal(100)),
        (of(Kind.BCD, 5, 2), 1.5, Decimal("1.5")),
        (of(Kind.BCD, 5, 2), "-0.010", Decimal("-0.010")),
        (of(Kind.BCD, 3, 3), Decimal("0.125"), Decimal("0.125")),
        (of(Kind.BCD, 5, 2), 0, Decimal(0)),
        (of(Kind.BCD, 31, 14), "-" + "9" * 17 + "." + "9" * 14, Decimal("-" + "9" * 17 + "." + "9" * 14)),
        (of(Kind.DECF34), "9" * 34 + "000", Decimal("9" * 34 + "000")),
        (of(Kind.DECF16), "1234567890123456", Decimal(1234567890123456)),
        (of(Kind.FLOAT), 1, 1.0),
        (of(Kind.FLOAT), "1e3", 1000.0),
        (of(Kind.INT), 42, 42),
        (of(Kind.INT), "42", 42),
        (of(Kind.INT8), -(2**63), -(2**63)),
        (of(Kind.BYTE, 2), "00ff", b"\x00\xff"),
        (of(Kind.XSTRING), b"\x00", b"\x00"),
        (of(Kind.UTCLONG), "2024-01-01T00:00:00.0000000", "2024-01-01T00:00:00.0000000"),
    ],
)
def test_a_value_is_sent_in_the_form_of_its_type(field: Field, value: Any, sent: Any) -> None:
    told = parameter(field, value)
    assert told == sent
    assert type(told) is type(sent)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (of(Kind.CHAR, 2), "abc", "parameter P has 3 characters, of which 2 fit"),
        (of(Kind.CHAR, 1), "🙂", "parameter P has 2 characters, of which 1 fit"),
        (of(Kind.CHAR, 9), 42, "parameter P is a text, not int; put it in quotes, with its leading zeros"),
        (of(Kind.CHAR, 1), True, "parameter P is a text, not bool"),
        (of(Kind.CHAR, 1), None, "parameter P is a text, not NoneType"),
        (of(Kind.NUM, 2), "123", "parameter P has 3 digits, of which 2 fit"),
        (of(Kind.NUM, 2), "1a", "parameter P has digits only"),
        (of(Kind.NUM, 2), -1, "parameter P has digits only"),
        (of(Kind.NUM, 2), True, "parameter P has digits only"),
        (of(Kind.DATE), "20240230", "parameter P is no date"),
        (of(Kind.DATE), "2024-W01-1", "parameter P is no date"),
        (of(Kind.TIME), "240000", "parameter P is no time of a day"),
        (of(Kind.TIME), time(12, 0, 0, 5), "parameter P is no time of a day"),
        (of(Kind.TIME), "1200", "parameter P is no time of a day"),
        (of(Kind.TIME), 45000, "parameter P is no time of a day"),
        (of(Kind.TIME), "12:00:00.5", "parameter P is no time of a day"),
        (of(Kind.TIME), "12:00:00Z", "parameter P is no time of a day"),
        (of(Kind.BCD, 5, 2), "1000", "parameter P is a number of 5 digits, 2 of them decimals"),
        (of(Kind.BCD, 5, 2), "0.001", "parameter P is a number of 5 digits, 2 of them decimals"),
        (of(Kind.BCD, 5, 2), "ten", "parameter P is a number"),
        (of(Kind.BCD, 5, 2), "NaN", "parameter P is a number"),
        (of(Kind.BCD, 5, 2), True, "parameter P is a number"),
        (of(Kind.DECF16), "12345678901234567", "parameter P has more than 16 digits"),
        (of(Kind.DECF34), "1" * 35, "parameter P has more than 34 digits"),
        (of(Kind.FLOAT), "x", "parameter P is a number"),
        (of(Kind.FLOAT), "1e400", "parameter P is a number of at most 308 digits"),
        (of(Kind.INT1), 256, "parameter P is a whole number from 0 to 255"),
        (of(Kind.INT), 2**31, "parameter P is a whole number from -2147483648 to 2147483647"),
        (of(Kind.INT), 1.5, "parameter P is a whole number"),
        (of(Kind.INT), [], "parameter P is a number"),
        (of(Kind.BYTE, 1), "00ff", "parameter P has 2 bytes, of which 1 fit"),
        (of(Kind.XSTRING), "xyz", "parameter P is binary; write it in hexadecimal digits, in quotes"),
    ],
)
def test_what_does_not_fit_is_told_by_name(field: Field, value: Any, why: str) -> None:
    with pytest.raises(ConfigError) as told:
        parameter(field, value)
    assert str(told.value).startswith(why)


RANGE = Field(
    "IDRANGE",
    Kind.TABLE,
    fields=(Field("SIGN", Kind.CHAR, 1), Field("OPTION", Kind.CHAR, 2), Field("LOW", Kind.CHAR, 10)),
)
HEAD = Field("HEAD", Kind.STRUCTURE, fields=(Field("ID", Kind.INT), RANGE))
WORDS = Field("WORDS", Kind.TABLE, fields=(Field("", Kind.NUM, 3),))


def test_structures_and_tables_are_sent_as_they_are_given() -> None:
    given = {"ID": 1, "IDRANGE": [{"SIGN": "I", "OPTION": "GT", "LOW": "0000000042"}, {}]}
    assert parameter(HEAD, given) == given
    assert parameter(HEAD, {"ID": None}) == {}
    assert parameter(WORDS, [1, "22"]) == [{"": "001"}, {"": "022"}]


def test_dates_times_and_digits_that_are_not_given_are_zeros() -> None:
    inner = Field("IN", Kind.STRUCTURE, fields=(Field("AT", Kind.TIME), Field("NAME", Kind.CHAR, 4)))
    whole = Field("S", Kind.STRUCTURE, fields=(Field("ON", Kind.DATE), Field("NO", Kind.NUM, 3), inner))
    assert parameter(whole, {"ON": "2026-12-31"}) == {"ON": "20261231", "NO": "000", "IN": {"AT": "000000"}}
    assert parameter(whole, {"ON": None, "IN": {"NAME": "x"}})["IN"] == {"AT": "000000", "NAME": "x"}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (HEAD, {"IDRANGE": [{}, {"LOW": 42}]}, "parameter HEAD.IDRANGE[1].LOW is a text, not int"),
        (HEAD, {"IDRANGE": {"LOW": "1"}}, "parameter HEAD.IDRANGE is a table; give a list of its rows"),
        (HEAD, {"IDRANGE": "1"}, "parameter HEAD.IDRANGE is a table; give a list of its rows"),
        (
            HEAD,
            {"IDRANGE": ["1"]},
            "parameter HEAD.IDRANGE[0] is a structure; give its fields: SIGN, OPTION, LOW",
        ),
        (HEAD, {"NAME": "x"}, "parameter HEAD.NAME is not there; the fields are ID, IDRANGE"),
        (HEAD, "x", "parameter HEAD is a structure; give its fields: ID, IDRANGE"),
        (WORDS, [1, 2222], "parameter WORDS[1] has 4 digits, of which 3 fit"),
    ],
)
def test_what_does_not_fit_is_told_by_its_path(field: Field, value: Any, why: str) -> None:
    with pytest.raises(ConfigError) as told:
        parameter(field, value)
    assert str(told.value).startswith(why)
