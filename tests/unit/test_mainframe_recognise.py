"""A map says exactly what a screen says: which one it is, its values, its rows, and what is no value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import digits_of
from connectors.mainframe import columns, recognise
from connectors.mainframe.fitted import Problem, Row
from connectors.mainframe.maps import ErrorRule, Maps, ScreenMap
from connectors.mainframe.recognise import HostError, Place
from tests.unit.mainframe_screens import Piece, painted, typed

TITLE = " CUSTOMER LIST                                         PAGE   1"


def map_of(**options: Any) -> ScreenMap:
    return ScreenMap.model_validate({"identify": [{"row": 1, "text": "CUSTOMER"}], **options})


def fields(**of: Mapping[str, Any]) -> ScreenMap:
    return map_of(fields=of)


def table(**options: Any) -> ScreenMap:
    shape = {
        "rows": "3-6",
        "key": ["id"],
        "columns": {
            "id": {"column": 2, "length": 8, "picture": "9(8)"},
            "name": {"column": 12, "length": 10},
            "balance": {"column": 24, "picture": "ZZ,ZZ9.99-"},
        },
    }
    return map_of(table={**shape, **options})


def line(key: str = "00000001", name: str = "SMITH", balance: str = "     10.00") -> str:
    return f" {key:8}  {name:10}  {balance:10}"


def problems(found: Row) -> list[tuple[str, str]]:
    return [(each.field, each.reason) for each in found.problems]


# -- which screen is this


def test_a_screen_is_the_one_whose_rules_all_hold() -> None:
    rules = [
        {"row": 1, "column": 2, "text": "CUSTOMER LIST"},
        {"row": 1, "pattern": r"PAGE +\d+$"},
        {"row": 24, "text": "END", "absent": True},
    ]
    maps = Maps({"list": ScreenMap.model_validate({"identify": rules})})
    assert recognise.identify(maps, typed([TITLE])).name == "list"
    assert recognise.identify(maps, typed([TITLE.replace("1", "X")])).name is None
    assert recognise.identify(maps, typed([" " + TITLE])).name is None
    assert recognise.identify(maps, typed([TITLE, *[""] * 22, "THE END"])).name is None


def test_a_screen_that_no_map_knows_has_no_name() -> None:
    found = recognise.identify(Maps({"list": map_of()}), typed(["MENU"]))
    assert (found.name, found.also, found.told) == (None, (), "no map knows it")


def test_a_screen_that_two_maps_know_has_no_name() -> None:
    found = recognise.identify(Maps({"one": map_of(), "two": map_of()}), typed([TITLE]))
    assert found.name is None
    assert found.also == ("one", "two")
    assert "the maps one, two all know it" in found.told


def test_a_map_for_another_size_does_not_know_a_screen() -> None:
    small = map_of(size="24x80")
    screen = typed([TITLE], rows=43)
    assert recognise.identify(Maps({"list": small}), screen).name is None
    assert recognise.why_not(small, screen) == ["the screen is 43x80, not 24x80"]
    low, misfit = fields(sum={"row": 30, "column": 2, "length": 5}), "field sum is not on a screen of 24x80"
    assert recognise.why_not(low, typed([TITLE])) == [misfit]
    assert problems(recognise.record(low, typed([TITLE]))) == [("", misfit)]


def test_it_is_told_which_rules_fail_and_what_is_there_instead() -> None:
    rules = [
        {"row": 1, "column": 2, "text": "CUSTOMER LIST"},
        {"row": 2, "pattern": "PAGE"},
        {"row": 1, "text": "MENU", "absent": True},
        {"text": "PF3"},
        {"text": "MENU", "absent": True},
        {"row": 99, "text": "X"},
    ]
    screen = typed([" CUSTOMER MENU  "])
    assert recognise.why_not(ScreenMap.model_validate({"identify": rules}), screen) == [
        "the text of a rule is not on a screen of 24x80",
        "row 1 column 2: not 'CUSTOMER LIST', but 'CUSTOMER MENU'",
        "row 2: not the pattern PAGE, but blank",
        "row 1: 'MENU' must not be there",
        "'PF3' is nowhere",
        "'MENU' must not be there, and is in row 1",
        "row 99: the screen has 24 rows",
    ]


def test_an_error_is_found_by_the_screen_s_rules_first() -> None:
    own = map_of(errors=[{"row": 24, "text": "NOT FOUND", "class": "reject"}])
    everywhere = ErrorRule.model_validate({"pattern": r"DFHAC\d{4}|NOT FOUND", "class": "relogin"})
    maps = Maps({"list": own}, (everywhere,))
    missing = typed([TITLE, *[""] * 22, "  NOT FOUND"])
    assert recognise.host_error(maps, missing, "list") == HostError("reject", "NOT FOUND")
    assert recognise.host_error(maps, missing, None) == HostError("relogin", "NOT FOUND")
    abend = typed(["", " DFHAC2206 12:00:00 TRANSACTION CUST FAILED WITH ABEND ASRA."])
    found = recognise.host_error(maps, abend, None)
    assert found == HostError("relogin", "DFHAC2206 12:00:00 TRANSACTION CUST FAILED WITH ABEND ASRA.")
    assert recognise.host_error(maps, typed([TITLE]), "list") is None


def test_an_error_beside_that_of_a_row_is_the_one_that_counts() -> None:
    """The message covers the rows, whatever is said of one of them."""
    own = map_of(errors=[{"row": 24, "text": "DENIED", "class": "reject"}])
    maps = Maps({"list": own}, (ErrorRule.model_validate({"row": 12, "text": "OPERATOR", "class": "retry"}),))
    both = typed([TITLE, *[""] * 10, "OPERATOR: GOING DOWN", *[""] * 11, "DENIED"])
    assert recognise.host_error(maps, both, "list") == HostError("retry", "OPERATOR: GOING DOWN")


# -- fields


def test_the_reference_transaction_is_read_by_its_labels() -> None:
    inquiry = fields(
        customer_id={"label": "CUSTOMER ID:", "picture": "9(8)"},
        name={"label": "NAME:"},
        balance={"label": "BALANCE:", "picture": "S9(7)V99-"},
        since={"label": "SINCE:", "date": "DD.MM.YYYY"},
        active={"label": "ACTIVE:", "true": ["YES"], "false": ["NO"]},
        note={"label": "NOTE:", "null": [""]},
    )
    screen = typed(
        [
            "CUSTOMER INQUIRY",
            "CUSTOMER ID: 00000042",
            "NAME: SMITH AND SONS",
            "BALANCE: 000012345-",
            "SINCE: 29.02.2024",
            "ACTIVE: YES",
            "NOTE:",
        ]
    )
    row = recognise.record(inquiry, screen)
    assert row.problems == []
    assert row.values == {
        "customer_id": 42,
        "name": "SMITH AND SONS",
        "balance": Decimal("-123.45"),
        "since": date(2024, 2, 29),
        "active": True,
        "note": None,
    }


def test_a_field_that_is_no_value_is_a_problem_with_the_raw_text() -> None:
    of = fields(
        id={"row": 2, "column": 2, "length": 8, "picture": "9(8)"},
        since={"row": 3, "column": 2, "length": 10, "date": "DD.MM.YYYY"},
        active={"row": 4, "column": 2, "length": 1, "true": "Y", "false": "N"},
        code={"row": 5, "column": 2, "length": 4, "pattern": r"[A-Z]\d+"},
        form={"row": 5, "column": 2, "picture": "A(2)"},
        fine={"row": 6, "column": 2, "length": 4},
    )
    row = recognise.record(of, typed(["CUSTOMER", " 1234567", " 00.00.0000", " ?", " 1A", "   X"]))
    assert row.values == {"fine": "  X"}
    assert row.problems == [
        Problem("id", "1234567 ", "does not fit the picture 9(8)"),
        Problem("since", "00.00.0000", "is no date by DD.MM.YYYY"),
        Problem("active", "?", "is none of 'Y', 'N'"),
        Problem("code", "1A  ", r"does not fit the pattern [A-Z]\d+"),
        Problem("form", "1A", "does not fit the picture A(2)"),
    ]
    assert str(row.problems[0]) == "id: '1234567' does not fit the picture 9(8)"


def test_blank_is_null_only_where_the_map_says_so() -> None:
    of = fields(
        number={"row": 2, "column": 2, "picture": "ZZ9"},
        empty={"row": 2, "column": 2, "picture": "ZZ9", "null": [""]},
        never={"row": 3, "column": 2, "date": "DD.MM.YYYY", "null": "00.00.0000"},
        text={"row": 2, "column": 2, "length": 5},
        none={"row": 2, "column": 2, "length": 5, "null": ["N/A", ""]},
    )
    row = recognise.record(of, typed(["CUSTOMER", "", " 00.00.0000"]))
    assert row.values == {"empty": None, "never": None, "text": "", "none": None}
    assert problems(row) == [("number", "is blank")]


def test_blanks_of_a_text_are_kept_where_they_are_asked_for() -> None:
    place = {"row": 2, "column": 2, "length": 6}
    of = fields(a=place, b={**place, "trim": "both"}, c={**place, "trim": "none"})
    assert recognise.record(of, typed(["", "  AB "])).values == {"a": " AB", "b": "AB", "c": " AB   "}


def test_hidden_fields_are_never_told() -> None:
    of = fields(
        password={"row": 2, "column": 2, "length": 8, "picture": "9(8)", "hidden": True},
        name={"row": 3, "column": 2, "length": 8},
    )
    row = recognise.record(of, typed(["", " hunter2", " SMITH"]))
    assert row.values == {"name": "SMITH"}
    assert row.problems == []
    assert columns.schema(of.fields, ()).names == ["name"]


def test_a_value_ends_where_hidden_cells_begin() -> None:
    hidden = {"length": 4, "hidden": True}
    of = fields(
        name={"label": "NAME:"},
        pin={"row": 2, "column": 30, **hidden},
        number={"label": "NO:", "picture": "9(4)"},
        code={"row": 3, "column": 12, **hidden},
        line={"row": 4, "column": 1, "length": 20},
        last={"label": "LAST:", **hidden},
    )
    lines = [TITLE, f"{'NAME: BERGER, BRAM':29}4711", "NO: 12x    4712", "LAST: 4713 SHOWN"]
    row = recognise.record(of, typed(lines))
    assert row.values == {"name": "BERGER, BRAM", "line": "LAST:      SHOWN"}
    assert [(each.field, each.raw.strip()) for each in row.problems] == [("number", "12x")]


def test_a_line_of_a_list_is_told_without_a_field_that_is_hidden() -> None:
    of = map_of(
        fields={"pin": {"row": 4, "column": 40, "length": 4, "hidden": True}},
        table={"rows": "3-6", "key": ["id"], "columns": {"id": {"column": 2, "length": 4}}},
    )
    page = recognise.page(of, typed([TITLE, "", " A1", f"{'':39}4711"]))
    assert [row.values for row in page.rows] == [{"id": "A1"}]


def test_a_hidden_field_that_goes_on_at_the_top_is_hidden_there_too() -> None:
    of = fields(pin={"field": 2, "hidden": True})
    screen = painted([(1, 5, "", 10, "p"), (24, 78, "", 6, "")])
    assert "4711" not in recognise.without_hidden(of, replace(screen, text=f"11{screen.text[2:-2]}47")).text


def test_a_value_that_its_cells_cut_in_two_is_a_problem() -> None:
    of = fields(a={"row": 2, "column": 10, "length": 5}, b={"row": 3, "column": 10, "length": 5})
    row = recognise.record(of, typed(["", "        12345", "         1234567"]))
    assert row.values == {}
    assert problems(row) == [("a", "begins before its first cell"), ("b", "goes on after its last cell")]


def test_lines_and_brackets_around_a_value_are_no_part_of_it() -> None:
    of = fields(a={"row": 2, "column": 3, "length": 3}, b={"row": 3, "column": 6, "picture": "99"})
    row = recognise.record(of, typed(["", " [123]|", "  12:30"]))
    assert row.values == {"a": "123"}
    assert problems(row) == [("b", "begins before its first cell")]


def test_fields_that_touch_are_no_problem_when_the_map_names_both() -> None:
    of = fields(
        year={"row": 2, "column": 2, "length": 4, "picture": "9(4)"},
        month={"row": 2, "column": 6, "length": 2, "picture": "99"},
        rest={"row": 2, "column": 8, "length": 2, "hidden": True},
    )
    assert recognise.record(of, typed(["", " 20240229"])).values == {"year": 2024, "month": 2}


def test_what_begins_in_another_field_of_the_screen_is_a_problem() -> None:
    of = fields(a={"row": 2, "column": 10, "length": 10}, b={"row": 3, "column": 10, "length": 10})
    moved: list[Piece] = [(2, 12, "SMITH", 8, "p"), (3, 10, "SMITH", 6, "p"), (3, 17, "", 3, "p")]
    row = recognise.record(of, painted(moved))
    assert row.values == {"b": "SMITH"}
    assert problems(row) == [("a", "has a field in it that begins in column 12")]


def test_a_label_is_a_word_of_its_own_and_there_once() -> None:
    of = fields(name={"label": "NAME"}, last={"label": "LAST NAME"}, town={"label": "TOWN:", "row": 4})
    screen = ["SURNAMES", "LAST NAME SMITH    NAME JOE", "TOWN: BONN", "TOWN: BERLIN"]
    row = recognise.record(of, typed(screen))
    assert row.values == {"name": "JOE", "last": "SMITH", "town": "BERLIN"}
    twice = recognise.record(of, typed([*screen, "NAME X"]))
    assert problems(twice) == [("name", "the label 'NAME' is 2 times on the screen: give its `row`, too")]
    assert "town" in dict(problems(recognise.record(of, typed(screen[:3]))))


def test_the_value_of_a_label_ends_at_the_next_label_or_after_its_length() -> None:
    of = fields(
        name={"label": "NAME:"},
        city={"label": "CITY:", "length": 6},
        zip={"label": "ZIP:", "length": 3, "picture": "999"},
    )
    row = recognise.record(of, typed(["", "NAME: SMITH   CITY: BONN   +49 228", "ZIP: 53113"]))
    assert row.values == {"name": "SMITH", "city": "BONN"}
    assert problems(row) == [("zip", "goes on after its last cell")]


def test_a_label_counts_in_its_row_and_elsewhere_is_text_of_a_value() -> None:
    of = fields(name={"label": "NAME"}, city={"label": "CITY", "row": 3})
    for name in ("CITY BANK LTD", "BANK CITY LTD"):
        row = recognise.record(of, typed(["", f"NAME {name}", "CITY ROME"]))
        assert row.values == {"name": name, "city": "ROME"}
        screen = painted(
            [(2, 2, "NAME", 5, "p"), (2, 8, name, 20, "p"), (3, 2, "CITY", 5, "p"), (3, 8, "ROME", 9, "p")]
        )
        assert recognise.record(of, screen).values == {"name": name, "city": "ROME"}


@pytest.mark.parametrize("shown", ["CUSTOMER_ID: 99", "CUST-ID: 99", "ID-CARD: 99"])
def test_a_part_of_a_name_is_no_label(shown: str) -> None:
    of = fields(id={"label": "ID"})
    assert problems(recognise.record(of, typed(["", shown]))) == [("id", "the label 'ID' is not there")]
    assert recognise.record(of, typed(["", shown, "--ID--: 7"])).values == {"id": "--: 7"}


def test_the_value_of_a_label_is_the_next_field_when_its_own_has_no_more() -> None:
    of = fields(name={"label": "NAME:"}, city={"label": "CITY:"}, zip={"label": "ZIP:"}, last={"label": "X:"})
    screen = painted(
        [
            (2, 2, "NAME:", 10, "p"),
            (2, 13, "  SMITH", 20, ""),
            (2, 40, "CITY: BONN", 20, "p"),
            (3, 2, "ZIP:", 5, "p"),
            (3, 10, "CITY OF: LONDON", 20, "p"),
            (4, 2, "X:", 5, "p"),
            (5, 2, "other line", 20, "p"),
        ]
    )
    row = recognise.record(of, screen)
    assert row.values == {"name": "SMITH", "city": "BONN", "last": ""}
    assert row.problems == [
        Problem(
            "zip", "CITY OF: LONDON     ", "may be the next label: give row and column instead of the label"
        )
    ]


def test_an_empty_value_is_not_the_label_after_it() -> None:
    of = fields(name={"label": "NAME:"}, city={"label": "CITY:"})
    screen = painted([(2, 2, "NAME:", 10, "p"), (2, 20, "CITY: BONN", 20, "p")])
    assert recognise.record(of, screen).values == {"name": "", "city": "BONN"}


def test_a_field_by_number_counts_those_with_its_attributes() -> None:
    screen = painted(
        [(1, 2, "CUSTOMER", 8, "p"), (2, 2, "A", 5, ""), (3, 2, "B", 5, "pi"), (4, 2, "C", 5, "n")]
    )
    of = fields(
        second={"field": 2, "protected": False},
        bright={"field": 1, "intensified": True},
        third={"field": 3, "protected": False},
    )
    row = recognise.record(of, screen)
    assert row.values == {"second": "C", "bright": "B"}
    assert problems(row) == [("third", "the screen has not so many such fields")]
    assert problems(recognise.record(of, typed([""])))[0] == ("second", "the screen has no fields")


def test_double_byte_characters_have_two_cells() -> None:
    wide = "顧\x00客\x00"
    of = ScreenMap.model_validate(
        {
            "identify": [{"row": 1, "column": 3, "text": "顧客"}],
            "fields": {
                "name": {"label": "氏名:"},
                "city": {"row": 3, "column": 2, "length": 6},
                "cut": {"row": 4, "column": 2, "length": 3},
            },
        }
    )
    screen = typed([f"  {wide}", "氏\x00名\x00: 山\x00田\x00", " 東\x00京\x00", " 東\x00京\x00"])
    assert recognise.identify(Maps({"list": of}), screen).name == "list"
    row = recognise.record(of, screen)
    assert row.values == {"name": "山田", "city": "東京"}
    assert [each.field for each in row.problems] == ["cut"]


def test_an_error_is_told_without_what_its_map_hides() -> None:
    of = map_of(
        fields={"pin": {"row": 3, "column": 6, "length": 4, "hidden": True}},
        errors=[{"text": "WRONG", "class": "credentials"}],
    )
    maps = Maps({"signon": of})
    found = recognise.host_error(maps, typed([TITLE, "", "PIN  1234 IS WRONG"]), "signon")
    assert found == HostError("credentials", "PIN       IS WRONG")


# -- where to type


def test_the_place_to_type_into_is_found_as_the_field_is() -> None:
    of = fields(
        at={"row": 3, "column": 5, "length": 4},
        label={"label": "NAME:"},
        number={"field": 2, "protected": False},
        gone={"label": "CITY:"},
    )
    screen = painted([(2, 2, "NAME:", 6, "p"), (2, 10, "", 8, "p"), (2, 20, "", 8, ""), (4, 2, "", 8, "")])
    found = {name: recognise.address(of, name, screen) for name in (*of.fields, "unknown")}
    assert found == {"at": 164, "label": 99, "number": 241, "gone": None, "unknown": None}
    assert recognise.address(table(), "name", typed([TITLE]), 4) == 3 * 80 + 11
    assert recognise.address(table(), "sel", typed([TITLE]), 4) is None


def test_all_places_of_a_map_are_told() -> None:
    of = map_of(
        fields={"name": {"label": "NAME:"}, "gone": {"label": "CITY:"}},
        table={"rows": "3-4", "columns": {"id": {"column": 2, "length": 4}}, "key": "id"},
    )
    assert list(recognise.places_of(of, typed([TITLE, "NAME: X"]))) == [
        Place("name", 86, 74),
        Place("id", 161, 4, 3),
        Place("id", 241, 4, 4),
    ]


# -- lists


def test_each_line_of_a_list_is_a_row() -> None:
    screen = typed([TITLE, "", line(), line("00000002", "JONES", " 1,234.50-"), "", ""])
    page = recognise.page(table(), screen)
    assert [row.values for row in page.rows] == [
        {"id": 1, "name": "SMITH", "balance": Decimal("10.00")},
        {"id": 2, "name": "JONES", "balance": Decimal("-1234.50")},
    ]
    assert [row.line for row in page.rows] == [3, 4]
    assert (page.ended, page.more, page.short) == (False, None, True)


def test_a_row_that_is_no_row_tells_its_line() -> None:
    broadcast = " *** SYSTEM DOWN AT 18:00 ***"
    page = recognise.page(
        table(), typed([TITLE, "", line(), broadcast, line("00000003", balance="     1O.00")])
    )
    assert [bool(row.problems) for row in page.rows] == [False, True, True]
    assert "id" not in page.rows[1].values
    assert page.rows[1].raw.strip() == broadcast.strip()
    assert page.rows[2].values == {"id": 3, "name": "SMITH"}
    assert problems(page.rows[2]) == [("balance", "does not fit the picture ZZ,ZZ9.99-")]


def test_a_list_whose_columns_have_moved_has_no_keys() -> None:
    for shift in (" ", "  "):
        page = recognise.page(table(), typed([TITLE, "", shift + line(), shift + line("12345678")]))
        assert all("id" not in row.values and row.problems for row in page.rows)
    page = recognise.page(table(), typed([TITLE, "", line()[1:]]))
    assert "id" not in page.rows[0].values


def test_a_row_below_an_empty_line_is_a_problem_unless_empty_lines_are_skipped() -> None:
    screen = typed([TITLE, "", line(), "", line("00000002"), ""])
    page = recognise.page(table(), screen)
    assert [problems(row) for row in page.rows] == [[], [("", "stands below an empty line")]]
    assert page.rows[1].values == {}
    skipped = recognise.page(table(blank="skip"), screen)
    assert [row.values["id"] for row in skipped.rows] == [1, 2]
    assert not skipped.short


def test_a_blank_key_is_no_key() -> None:
    shape = {"id": {"column": 2, "length": 4}, "name": {"column": 10, "length": 10}}
    page = recognise.page(table(columns=shape), typed([TITLE, "", "         SMITH"]))
    assert problems(page.rows[0]) == [("id", "is blank, and is the key")]
    assert page.rows[0].values == {"name": "SMITH"}


def test_hidden_columns_do_not_make_a_row_and_are_not_told() -> None:
    of = table(columns={"sel": {"column": 2, "length": 1, "hidden": True}, "id": {"column": 4, "length": 4}})
    page = recognise.page(of, typed([TITLE, "", " S A1", " _", " X A 1 2 3 4"]))
    assert [row.values for row in page.rows][:1] == [{"id": "A1"}]
    assert page.short
    assert page.rows[1].raw.startswith("   A 1 2")


def test_the_last_page_and_further_pages_are_told_by_their_markers() -> None:
    of = table(
        end=[{"row": 23, "text": "END OF LIST"}, {"text": "BOTTOM"}], more=[{"row": 24, "text": "MORE"}]
    )
    blank = [""] * 21
    last = recognise.page(of, typed([TITLE, *blank, "END OF LIST"]))
    assert (last.ended, last.more) == (True, False)
    first = recognise.page(of, typed([TITLE, *blank, "", "MORE..."]))
    assert (first.ended, first.more) == (False, True)


@pytest.mark.parametrize(
    ("rule", "shown", "told"),
    [
        ({}, "", (None, None, None, False, None)),
        ({"text": "PAGE N"}, "PAGE   1", (1, None, True, False, None)),
        ({"text": "PAGE N"}, "PAGE   2", (2, None, False, False, None)),
        ({"text": "PAGE N"}, "NO PAGES", (None, None, False, False, None)),
        ({"text": "PAGE N OF M"}, "PAGE 1 OF  2", (1, 2, True, False, True)),
        ({"text": "PAGE N OF M"}, "PAGE 2 OF  2", (2, 2, False, True, False)),
        ({"text": "PAGE N OF M"}, "PAGE 0 OF  0", (0, 0, True, True, False)),
        ({"text": "頁 N"}, "頁\0 3 の\0 5", (3, None, False, False, None)),
        ({"text": "頁 N の M"}, "顧\0客\0 頁\0 3 の\0 5", (3, 5, False, False, True)),
        ({"text": "頁 N", "column": 7}, "顧\0客\0頁\0 \uff13\0", (3, None, False, False, None)),
        ({"text": "N/M"}, "01/01/26 17.3/4 HOST/1/2  2/3", (2, 3, False, False, True)),
    ],
)
def test_a_page_tells_its_number_and_by_that_whether_it_is_the_first_or_the_last(
    rule: dict[str, Any], shown: str, told: Any
) -> None:
    of = table(page={"row": 2, **rule}) if rule else table()
    page = recognise.page(of, typed([TITLE, f"  {shown}", line()]))
    assert (page.number, page.last, page.first, page.ended, page.more) == told


def test_the_first_page_is_told_by_its_marker_before_its_number() -> None:
    of = table(first=[{"row": 23, "text": "TOP"}], page={"row": 1, "text": "PAGE N"})
    for note, first in (("TOP OF LIST", True), ("", False)):
        assert recognise.page(of, typed([TITLE, "", line(), *[""] * 19, note])).first is first


def test_a_further_page_that_an_end_marker_denies_is_a_contradiction() -> None:
    of = table(end=[{"row": 23, "text": "END"}], page={"row": 2, "text": "PAGE N OF M"})
    page = recognise.page(of, typed([TITLE, "PAGE 1 OF 2", line(), *[""] * 19, "END"]))
    assert (page.ended, page.more) == (True, True)


def test_the_number_of_a_page_is_one_of_the_places_of_its_map() -> None:
    of = table(page={"row": 1, "text": "PAGE N"}, columns={"id": {"column": 2, "length": 8}})
    assert next(recognise.places_of(of, typed([TITLE]))) == Place("page", 62, 1)
    assert all(each.name == "id" for each in recognise.places_of(of, typed([TITLE[:20]])))


def test_a_marker_among_the_rows_is_no_row() -> None:
    of = table(end=[{"pattern": r"\*+ END OF LIST"}])
    for gap in ([], [""]):
        page = recognise.page(of, typed([TITLE, "", line(), *gap, " *** END OF LIST ***"]))
        assert page.ended
        assert [row.values["id"] for row in page.rows] == [1]
        assert page.rows[0].problems == []
    named = recognise.page(
        table(more=[{"text": "MORE"}]), typed([TITLE, "", line(name="MORE"), line("00000002")])
    )
    assert [row.values["id"] for row in named.rows] == [1, 2]


@pytest.mark.parametrize("shown", [" BOTTOM OF DATA", " ***  BOTTOM OF DATA ***", "   BOTTOM OF DATA..."])
def test_a_marker_with_a_line_of_its_own_is_no_row_even_where_it_could_be_read_as_one(shown: str) -> None:
    of = table(
        columns={"id": {"column": 2, "length": 8}, "text": {"column": 12, "length": 20}},
        end=[{"text": "BOTTOM OF DATA"}],
    )
    page = recognise.page(of, typed([TITLE, "", " A-100     BOLT", shown]))
    assert page.ended
    assert [row.values for row in page.rows] == [{"id": "A-100", "text": "BOLT"}]


@pytest.mark.parametrize("rule", [{"text": "MORE"}, {"row": 4, "text": "MORE"}, {"pattern": "MORE"}])
def test_a_row_that_has_the_text_of_a_marker_and_a_problem_is_a_reject(rule: dict[str, Any]) -> None:
    lines = [TITLE, "", line(), line("00000002", "MOREAU", "12.4X")]
    bad = recognise.page(table(more=[rule]), typed(lines)).rows[1]
    assert bad.values == {"id": 2, "name": "MOREAU"}
    assert [name for name, _ in problems(bad)] == ["balance"]


@pytest.mark.parametrize("way", [{}, {"row": 4}])
@pytest.mark.parametrize("told", ["text", "pattern"])
def test_a_row_that_has_the_text_of_a_marker_says_nothing_of_the_end(told: str, way: dict[str, int]) -> None:
    of = table(end=[{told: "END", **way}, {"row": 24, "text": "LAST"}], more=[{told: "MORE", **way}])
    lines = [TITLE, "", line(), line("00000002", "BRENDEL"), line("00000003", "MOREAU")]
    page = recognise.page(of, typed(lines))
    assert (len(page.rows), page.ended, page.more) == (3, False, False)
    assert recognise.page(of, typed([*lines, *[""] * 18, "LAST"])).ended


def test_a_marker_in_cells_of_its_own_counts_beside_a_row_too() -> None:
    of = table(end=[{"row": 6, "column": 60, "text": "LAST"}], more=[{"row": 6, "column": 79, "text": "+"}])
    lines = [TITLE, "", *(line(f"{number:08}") for number in range(1, 4))]
    full = recognise.page(of, typed([*lines, f"{line('00000004'):78}+"]))
    assert (len(full.rows), full.ended, full.more) == (4, False, True)
    last = recognise.page(of, typed([*lines, f"{line('00000004'):59}LAST"]))
    assert (len(last.rows), last.ended, last.more) == (4, True, False)


def test_a_pattern_that_begins_before_the_columns_may_be_in_a_value() -> None:
    of = table(
        end=[{"row": 4, "column": 1, "pattern": ".*END"}, {"row": 4, "column": 60, "pattern": "-+END"}]
    )
    lines = [TITLE, "", line(), line("00000002", "BRENDEL")]
    assert not recognise.page(of, typed(lines)).ended
    assert recognise.page(of, typed([*lines[:3], f"{lines[3]:59}--END"])).ended


@pytest.mark.parametrize("way", [{}, {"row": 4}, {"row": 4, "column": 37}])
def test_a_page_does_not_end_where_the_sign_of_more_stands_beside_a_row(way: dict[str, int]) -> None:
    of = table(end=[{"text": "MORE", "absent": True, **way}])
    lines = [TITLE, "", line(), line("00000002")]
    assert not recognise.page(of, typed([*lines[:3], f"{lines[3]:36}MORE"])).ended
    assert recognise.page(of, typed(lines)).ended


def test_a_line_beside_a_marker_is_none_of_the_list_where_a_rule_names_it() -> None:
    lines = [TITLE, "", line(), " END OF LIST, PRESS PF3"]
    named = recognise.page(table(end=[{"row": 4, "text": "END OF LIST"}]), typed(lines))
    assert [row.values.get("id") for row in named.rows] == [1]
    anywhere = recognise.page(table(end=[{"text": "END OF LIST"}]), typed(lines))
    assert [bool(row.problems) for row in anywhere.rows] == [False, True]


def test_a_map_without_a_list_has_no_page() -> None:
    with pytest.raises(ValueError, match="the map has no table"):
        recognise.page(map_of(), typed([TITLE]))


def test_a_field_inside_a_column_is_a_problem_of_its_row() -> None:
    pieces: list[Piece] = [
        (3, 2, "00000001", 8, "p"),
        (3, 12, "SMITH", 10, "p"),
        (3, 24, " 10.00", 10, "p"),
    ]
    moved: list[Piece] = [
        (4, 2, "00000002", 8, "p"),
        (4, 14, "SMITH", 8, "p"),
        (4, 24, " 10.00", 10, "p"),
    ]
    page = recognise.page(table(), painted([*pieces, *moved]))
    assert page.rows[0].problems == []
    assert problems(page.rows[1]) == [("name", "has a field in it that begins in column 14")]
    assert page.rows[1].values["id"] == 2


# -- columns


def test_every_value_has_a_declared_column() -> None:
    of = fields(
        text={"row": 2, "column": 2, "length": 4},
        whole={"row": 2, "column": 2, "picture": "9(18)"},
        long={"row": 2, "column": 2, "picture": "S9(31)"},
        money={"row": 2, "column": 2, "picture": "S9(7)V99-"},
        tiny={"row": 2, "column": 2, "picture": "VPP99"},
        thousands={"row": 2, "column": 2, "picture": "9(3)P(3)"},
        day={"row": 2, "column": 2, "date": "YYYYMMDD"},
        second={"row": 2, "column": 2, "time": "HHMMSS"},
        micro={"row": 2, "column": 2, "time": "HH:MM:SS.FFFF"},
        moment={"row": 2, "column": 2, "timestamp": "YYYYMMDDHHMMSSFFF"},
        flag={"row": 2, "column": 2, "length": 1, "true": ["Y"], "false": ["N"]},
    )
    schema = columns.schema(of.fields, ["whole"])
    assert dict(zip(schema.names, schema.types, strict=True)) == {
        "text": pa.string(),
        "whole": pa.int64(),
        "long": pa.decimal128(31, 0),
        "money": pa.decimal128(9, 2),
        "tiny": pa.decimal128(4, 4),
        "thousands": pa.int64(),
        "day": pa.date32(),
        "second": pa.time32("s"),
        "micro": pa.time64("us"),
        "moment": pa.timestamp("ms"),
        "flag": pa.bool_(),
    }
    assert [field.name for field in schema if not field.nullable] == ["whole"]
    assert {name: digits_of(schema.field(name)) for name in ("second", "micro", "moment")} == {
        "second": None,
        "micro": 4,
        "moment": None,
    }


def test_rows_become_columns() -> None:
    of = table()
    assert of.table is not None
    schema = columns.schema(of.table.columns, of.table.key)
    page = recognise.page(of, typed([TITLE, "", line(), line("00000002", "", "   100.00-")]))
    batch = columns.batch(schema, [row.values for row in page.rows])
    assert batch.schema == schema
    assert batch.to_pylist() == [
        {"id": 1, "name": "SMITH", "balance": Decimal("10.00")},
        {"id": 2, "name": "", "balance": Decimal("-100.00")},
    ]
    assert columns.batch(schema, []).num_rows == 0
    with pytest.raises(KeyError):
        columns.batch(schema, [{"name": "no key"}])


def test_a_cell_that_is_no_character_is_no_value() -> None:
    text = {"id": {"column": 2, "length": 8}, "name": {"column": 12, "length": 10}}
    screen = typed([TITLE, "", line("000000\ufffd0"), line(name="M\ufffdLLER")])
    whole = map_of(table={"rows": "3-6", "key": ["id"], "columns": text})
    rows = recognise.page(whole, screen).rows
    reason = "has a cell that is no character of the code page"
    assert [problems(row) for row in rows] == [[("id", reason)], [("name", reason)]]
