"""OPTIONS as they are written, judged by the parser of the simulated system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.testing.sap import options
from bridge.testing.sap.abap import Field, Structure, Type, numc
from bridge.testing.sap.conditions import predicate
from bridge.testing.sap.values import row_of
from connectors.sap_rfc import conditions
from connectors.sap_rfc.conditions import Condition, lines, parsed
from connectors.sap_rfc.types import Column, column

ROW = Structure(
    "ZKEYS",
    (
        Field("MANDT", Type("CLNT"), key=True),
        Field("TEXT", Type("CHAR", 20), key=True),
        Field("NUMBER", numc(6), key=True),
        Field("DAY", Type("DATS"), key=True),
        Field("CLOCK", Type("TIMS"), key=True),
        Field("GUID", Type("RAW", 4), key=True),
        Field("COUNT", Type("INT4"), key=True),
        Field("AMOUNT", Type("DEC", 9, 2), key=True),
        Field("LONG", Type("CHAR", 200)),
    ),
)


def _column(name: str) -> Column:
    type_ = ROW.by_name[name].type
    assert isinstance(type_, Type)
    return column(
        {
            "FIELDNAME": name, "DATATYPE": type_.datatype, "INTTYPE": type_.letter, "LENG": type_.leng,
            "DECIMALS": type_.decimals, "KEYFLAG": "X", "TABNAME": "ZKEYS",
        }
    )  # fmt: skip


COLUMNS = {name: _column(name) for name in ROW.by_name}
WORDS = st.text("AB c'%_,()ä€=<>", max_size=8).map(str.rstrip)
VALUES: dict[str, st.SearchStrategy[tuple[str, Any]]] = {
    "TEXT": WORDS.map(lambda text: (text, text)),
    "NUMBER": st.integers(0, 20).map(lambda number: (f"{number:06}", f"{number:06}")),
    "DAY": st.sampled_from(["00000000", "20260101", "20261231"]).map(lambda day: (day, day)),
    "CLOCK": st.sampled_from(["000000", "120000", "235959"]).map(lambda clock: (clock, clock)),
    "GUID": st.binary(min_size=4, max_size=4).map(lambda raw: (raw.hex().upper(), raw)),
    "COUNT": st.integers(-3, 3).map(lambda count: (f"{abs(count)}{'-' if count < 0 else ' '}", count)),
    "AMOUNT": st.decimals(-3, 3, places=2).map(lambda one: (f"{abs(one)}{'-' if one < 0 else ' '}", one)),
}
"""Column -> a value as the function tells it, and as the table has it."""


def _holds(condition: Condition, values: dict[str, Any]) -> bool:
    return predicate(options.parse(lines(condition), ROW))(row_of(ROW, values))


def _literals(names: Sequence[str], told: Sequence[str]) -> list[str]:
    return [conditions.literal(COLUMNS[name], text) for name, text in zip(names, told, strict=False)]


@st.composite
def keys(draw: st.DrawFn) -> tuple[tuple[str, ...], list[tuple[str, Any]], list[tuple[str, Any]]]:
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4, unique=True))
    first = [draw(VALUES[name]) for name in names]
    second = [
        draw(st.sampled_from([one, draw(VALUES[name])])) for name, one in zip(names, first, strict=True)
    ]
    return tuple(names), first, second


@given(keys(), st.integers(1, 4))
def test_rows_are_behind_a_key_or_up_to_it_in_the_order_of_its_columns(
    key: tuple[tuple[str, ...], list[tuple[str, Any]], list[tuple[str, Any]]], length: int
) -> None:
    names, place, row = key
    told, kept = [text for text, _ in place][:length], [value for _, value in place][:length]
    values = [value for _, value in row]
    table = dict(zip(names, values, strict=True))

    assert _holds(conditions.after(names, _literals(names, told)), table) == (values[:length] > kept)
    assert _holds(conditions.upto(names, _literals(names, told)), table) == (values[:length] <= kept)


@given(keys())
def test_a_row_equals_its_own_key_alone(
    key: tuple[tuple[str, ...], list[tuple[str, Any]], list[tuple[str, Any]]],
) -> None:
    names, place, row = key
    same = conditions.both(
        *(conditions.equal(COLUMNS[name], text) for name, (text, _) in zip(names, place, strict=True))
    )

    table = dict(zip(names, (value for _, value in row), strict=True))
    assert _holds(same, table) == ([value for _, value in row] == [value for _, value in place])


@given(st.lists(st.one_of(WORDS.map(conditions.quoted), st.sampled_from(["AND", "OR", "NAME1", "=", "("]))))
def test_no_line_is_longer_than_71_and_no_token_is_split(tokens: list[str]) -> None:
    found = lines(tuple(tokens))

    assert all(len(line) <= 71 for line in found)
    assert parsed(" ".join(found)) == tuple(tokens)


@pytest.mark.parametrize("sign", ["'", "ä", "%", " x"])
def test_a_literal_of_a_full_line_stays_in_one(sign: str) -> None:
    text = conditions.shortened(sign * 80)

    assert len(conditions.quoted(text)) <= 71
    assert _holds(conditions.compare("LONG", "=", conditions.quoted(text)), {"LONG": text})


@given(st.text("ab'%_ ", min_size=60, max_size=120).map(str.rstrip))
def test_a_value_longer_than_a_line_is_found_by_its_beginning(text: str) -> None:
    found = conditions.equal(COLUMNS["LONG"], text)

    assert all(len(line) <= 71 for line in lines(found))
    assert _holds(found, {"LONG": text})


SUSPECT = st.lists(
    st.sampled_from(["A", " ", "|", "{", "}", "(", "'", "%", "left", "DELETE", "Exists"]), max_size=9
)


@given(SUSPECT.map("".join).map(str.rstrip))
def test_no_key_looks_like_an_attack_to_later_releases(text: str) -> None:
    found = conditions.equal(COLUMNS["LONG"], text)

    options.check_suspicious([line.ljust(options.WIDTH) for line in lines(found)])
    options.check_suspicious([conditions.quoted(conditions.harmless(text)).ljust(options.WIDTH)])
    assert _holds(found, {"LONG": text})


@pytest.mark.parametrize(("text", "other"), [("{A1}", "{A2}"), ("DELETE ME", "DELETE IT"), ("a|b", "a|c")])
def test_a_key_that_looks_like_an_attack_finds_no_others(text: str, other: str) -> None:
    found = conditions.equal(COLUMNS["LONG"], text)

    assert _holds(found, {"LONG": text})
    assert not _holds(found, {"LONG": other})


def test_two_comparisons_without_blanks_are_not_taken_for_one() -> None:
    two = parsed("A='1' OR B='2'")

    assert conditions.both(two, ("C", "=", "'3'")) == ("(", *two, ")", "AND", "C", "=", "'3'")


def test_an_empty_text_is_one_blank() -> None:
    assert conditions.quoted("") == "' '"
    assert _holds(conditions.equal(COLUMNS["TEXT"], ""), {"TEXT": ""})


def test_times_have_both_ends() -> None:
    within = conditions.both(
        conditions.since(["DAY", "CLOCK"], ["'20260301'", "'120000'"]),
        conditions.until(["DAY", "CLOCK"], ["'20260302'", "'060000'"]),
    )
    moments = ["20260301115959", "20260301120000", "20260302000000", "20260302060000", "20260302060001"]

    held = [each for each in moments if _holds(within, {"DAY": each[:8], "CLOCK": each[8:]})]
    assert held == ["20260301120000", "20260302000000", "20260302060000"]


def test_what_an_operator_wrote_stays_as_it_is() -> None:
    assert lines(parsed("LAND1  =\n 'DE  ''s'\tAND ( REGIO IN ('01', '02') )")) == [
        "LAND1 = 'DE  ''s' AND ( REGIO IN ('01', '02') )"
    ]


def test_a_long_list_without_blanks_is_divided_after_its_commas() -> None:
    values = ",".join(f"'{number:08}'" for number in range(40))

    found = lines(parsed(f"NUMBER IN ({values})"))

    assert all(len(line) <= 71 for line in found)
    assert "".join(found).replace(" ", "") == f"NUMBERIN({values})"


@pytest.mark.parametrize(
    ("text", "message"),
    [("NAME1 = 'ACME", "a quote is not closed"), ("NAME1 = '" + "x" * 80 + "'", "more than 71 characters")],
)
def test_a_condition_that_cannot_be_sent_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parsed(text)


def test_a_number_that_is_none_is_no_literal() -> None:
    with pytest.raises(ValueError, match="no number"):
        conditions.literal(COLUMNS["COUNT"], "*147483647")


def test_a_line_is_measured_in_the_units_of_sap() -> None:
    wide = "\U0001f600" * 12 + "1"
    found = conditions.lines(conditions.after(["SITE", "ID"], [f"'{wide}'"] * 2))
    assert max(len(line.encode("utf-16-le")) // 2 for line in found) <= conditions.WIDTH
    assert len(conditions.shortened("\U0001f600" * 50)) == 34
    assert conditions.lines(conditions.parsed("A = 'x'")) == ["A = 'x'"]
    with pytest.raises(ValueError, match="more than 71"):
        conditions.parsed("A = '" + "\U0001f600" * 40 + "'")
