"""Whatever SAP can hold arrives as it is, as text and as a value; what was cut is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.testing.sap.abap import BUILT_IN
from bridge.testing.sap.abap import Type as AbapType
from bridge.testing.sap.texts import moved
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.parameters import parameter
from connectors.sap_rfc.texts import lines, slices, texts_to_array
from connectors.sap_rfc.types import Column, arrow_of, column
from connectors.sap_rfc.values import values_to_array

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=12)
SIZES = st.tuples(st.integers(1, 31), st.integers(0, 14)).filter(lambda size: size[1] <= size[0])


def of(type_: AbapType) -> Column:
    return column(
        {
            "FIELDNAME": "C",
            "DATATYPE": type_.datatype,
            "INTTYPE": type_.letter,
            "LENG": type_.leng,
            "DECIMALS": type_.decimals,
        }
    )


def read(column: Column, text: str) -> tuple[Any, bool]:
    """The value, and whether it was refused."""
    array, refused = texts_to_array(column, pa.array([text]))
    array.validate(full=True)
    return array[0].as_py(), bool(refused)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@st.composite
def packed(draw: st.DrawFn) -> tuple[int, int, Decimal]:
    digits, decimals = draw(SIZES)
    most = 10**digits - 1
    return digits, decimals, Decimal(f"{draw(st.integers(-most, most))}E{-decimals}")


@given(packed(), st.sampled_from([0, 2]))
def test_a_packed_number_is_itself_or_refused_where_it_had_no_room(
    told: tuple[int, int, Decimal], room: int
) -> None:
    digits, decimals, number = told
    type_ = AbapType("DEC", digits, decimals)
    text = moved(type_, number, digits + room)
    value, refused = read(of(type_), text)
    assert refused == text.startswith("*")
    assert refused or value == number
    assert not (room and refused)


@given(st.sampled_from(["INT1", "INT2", "INT4", "INT8"]), st.integers(-(2**63), 2**63 - 1))
@example("INT8", -(2**63))
@example("INT8", 2**63 - 1)
@example("INT2", 32768)
def test_a_whole_number_is_itself_or_refused_where_its_type_ends(datatype: str, number: int) -> None:
    bounds = {"INT1": (-(2**15), 2**15 - 1), "INT2": (-(2**15), 2**15 - 1), "INT4": (-(2**31), 2**31 - 1)}
    least, most = bounds.get(datatype, (-(2**63), 2**63 - 1))
    type_ = AbapType(datatype)
    value, refused = read(of(type_), moved(type_, number, 21))
    assert refused == (not least <= number <= most)
    assert refused or value == number


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(5e-324)
@example(1.7976931348623157e308)
def test_a_float_written_with_all_its_digits_is_itself(number: float) -> None:
    type_ = AbapType("FLTP")
    assert read(of(type_), moved(type_, number, 24)) == (number, False)


@given(st.dates(), st.times())
def test_a_date_and_a_time_are_themselves(day: date, at: time) -> None:
    assert read(of(AbapType("DATS")), day.isoformat().replace("-", "")) == (day, False)
    at = at.replace(microsecond=0)
    expected = None if at == time() else at
    assert read(of(AbapType("TIMS")), f"{at:%H%M%S}") == (expected, False)


@given(st.from_regex(r"[0-9]{8}", fullmatch=True))
@example("00000000")
@example("20230229")
@example("21000229")
@example("00000229")
def test_any_eight_digits_are_a_date_or_refused(text: str) -> None:
    value, refused = read(of(AbapType("DATS")), text)
    try:
        expected = date.fromisoformat(text)
    except ValueError:
        assert value is None
        assert refused == (text != "00000000")
    else:
        assert (value, refused) == (expected, False)


@given(st.text("0123456789.,+-*Ee \u0660x", max_size=12), st.sampled_from(sorted(BUILT_IN)))
def test_what_is_read_of_any_text_is_what_it_says(text: str, datatype: str) -> None:
    type_ = AbapType(datatype, 8, 2 if BUILT_IN[datatype].letter == "P" else 0)
    known = of(type_)
    value, refused = read(known, text)
    assert not (refused and value is not None)
    if value is None or known.inttype not in "PIbs8Fae":
        return
    plain = text.strip(" ")
    plain = plain[-1] + plain[:-1] if plain[-1] in "+-" else plain
    assert math.isclose(Decimal(value), Decimal(plain.replace(" ", "")), rel_tol=1e-15, abs_tol=1e-300)
    if known.inttype != "F":
        assert Decimal(value) == Decimal(plain.replace(" ", ""))


@given(st.binary(min_size=1, max_size=40))
def test_bytes_are_themselves_and_half_of_them_nothing(raw: bytes) -> None:
    type_ = AbapType("RAW", len(raw))
    assert read(of(type_), moved(type_, raw, 2 * len(raw))) == (raw, False)
    assert read(of(type_), moved(type_, raw, len(raw))) == (None, True)


@given(st.lists(st.lists(TEXT, min_size=4, max_size=4), min_size=1, max_size=5), st.sampled_from(["", "|"]))
def test_columns_come_out_of_a_line_as_they_went_in(rows: list[list[str]], delimiter: str) -> None:
    rows = [[text.rstrip(" ") for text in row] for row in rows]
    widths = [max(1, *(units(row[at]) for row in rows)) for at in range(4)]
    places, offset = [], 0
    for width in widths:
        places.append((offset, width))
        offset += width + len(delimiter)
    data = [
        {"WA": delimiter.join(text + " " * (w - units(text)) for text, w in zip(row, widths, strict=True))}
        for row in rows
    ]
    data = [{"WA": line["WA"].rstrip(" ")} for line in data]
    found = slices(lines(data), places)
    assert [list(row) for row in zip(*(each.to_pylist() for each in found), strict=True)] == rows


# -- values

LEAVES: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.CHAR: TEXT,
    Kind.STRING: TEXT,
    Kind.NUM: st.integers(0, 9999).map(lambda number: f"{number:04}"),
    Kind.DATE: st.dates().map(lambda day: day.isoformat().replace("-", "")) | st.just("00000000"),
    Kind.TIME: st.times().map(lambda at: f"{at:%H%M%S}"),
    Kind.BCD: st.integers(-99999, 99999).map(lambda number: Decimal(number).scaleb(-2)),
    Kind.FLOAT: st.floats(allow_nan=False),
    Kind.INT: st.integers(-(2**31), 2**31 - 1),
    Kind.INT1: st.integers(0, 255),
    Kind.INT2: st.integers(-(2**15), 2**15 - 1),
    Kind.INT8: st.integers(-(2**63), 2**63 - 1),
    Kind.DECF16: st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9
    ),
    Kind.BYTE: st.binary(min_size=4, max_size=4),
    Kind.XSTRING: st.binary(max_size=9),
}


@st.composite
def shapes(draw: st.DrawFn, depth: int = 3) -> Field:
    kinds = [*LEAVES, *([Kind.STRUCTURE, Kind.TABLE] * 4 if depth else [])]
    kind = draw(st.sampled_from(kinds))
    if kind in LEAVES:
        return Field("", kind, 24 if kind is Kind.CHAR else 4 if kind is not Kind.BCD else 5, 2)
    if kind is Kind.TABLE and draw(st.booleans()):
        leaf = draw(shapes(0))
        return Field("", kind, fields=(leaf,))
    inner = draw(st.lists(shapes(depth - 1), min_size=1, max_size=3))
    named = tuple(
        Field(f"F{at}", each.kind, each.length, each.decimals, each.fields) for at, each in enumerate(inner)
    )
    return Field("", kind, fields=named)


def values_of(field: Field) -> st.SearchStrategy[Any]:
    if field.kind in LEAVES:
        return LEAVES[field.kind]
    if field.kind is Kind.TABLE and not field.fields[0].name:
        return st.lists(values_of(field.fields[0]).map(lambda value: {"": value}), max_size=3)
    one = st.fixed_dictionaries({each.name: values_of(each) for each in field.fields})
    return one if field.kind is Kind.STRUCTURE else st.lists(one, max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Field, list[Any]]:
    shape = draw(shapes())
    field = Field("P", shape.kind, shape.length, shape.decimals, shape.fields)
    return field, draw(st.lists(values_of(field), max_size=4))


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@given(answers())
def test_values_of_any_shape_are_themselves_there_and_back(told: tuple[Field, list[Any]]) -> None:
    field, values = told
    array, refused = values_to_array(field, values)
    array.validate(full=True)
    assert array.type == arrow_of(field)
    assert not refused
    if not finite(values):
        return
    for value, arrived in zip(values, array.to_pylist(), strict=True):
        assert parameter(field, arrived) == value


@given(
    st.sampled_from(
        [Kind.DATE, Kind.TIME, Kind.BCD, Kind.INT, Kind.FLOAT, Kind.DECF34, Kind.UTCLONG, Kind.CHAR]
    ),
    st.lists(
        st.none()
        | st.text(max_size=9)
        | st.integers()
        | st.decimals()
        | st.floats()
        | st.dates()
        | st.times()
        | st.booleans()
        | st.binary(max_size=4),
        max_size=5,
    ),
)
def test_no_value_of_any_client_ends_the_conversion(kind: Kind, values: list[Any]) -> None:
    array, refused = values_to_array(Field("F", kind, 5, 2), values)
    array.validate(full=True)
    assert len(array) == len(values)
    for row, value in enumerate(array.to_pylist()):
        assert row not in refused or value is None
        if kind is Kind.BCD and value is not None and isinstance(values[row], str | int | float | Decimal):
            assert same(value, values[row])


def same(number: Decimal, told: Any) -> bool:
    try:
        return number == Decimal(str(told).strip())
    except InvalidOperation:
        return str(told).strip()[-1] in "+-" or " " in str(told)
