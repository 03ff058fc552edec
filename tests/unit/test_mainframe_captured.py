"""Screens as text files, drafts of maps from them, what `check` says, and how they are drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bridge.errors import ConfigError
from connectors.mainframe import captured, checked, draft, drafted, maps, recognise
from connectors.mainframe.drawn import drawn
from connectors.mainframe.maps import Maps
from connectors.mainframe.screen import FILLER, Field, Screen
from connectors.mainframe.transports import cells
from tests.unit.mainframe_screens import Piece, painted, typed

CELLS = st.one_of(
    st.characters(),
    st.sampled_from([" ", FILLER, "\\", "|", "漢", "ﾀ", "é", "\u200b", "\xa0", "\x85", "\u0301", "#"]),
)


@st.composite
def screens(draw: st.DrawFn) -> Screen:
    """Of any size, with any characters; hidden fields blank, as a terminal gives them."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(2, 30))
    size = rows * columns
    text = "".join(draw(st.lists(CELLS, min_size=size, max_size=size)))
    starts = sorted(draw(st.sets(st.integers(0, size - 1), max_size=6)))
    attributes = st.tuples(*[st.booleans()] * 5)
    fields = tuple(Field(start, draw(st.integers(0, size - 1)), *draw(attributes)) for start in starts)
    shown = cells.blanked(text, fields)
    return Screen(rows, columns, shown, fields, draw(st.integers(0, size - 1)), draw(st.booleans()))


# -- the file


@given(screens(), st.lists(st.text(max_size=20), max_size=2))
def test_a_screen_comes_back_as_it_was(screen: Screen, notes: list[str]) -> None:
    assert captured.read(captured.written(screen, notes)) == screen


@given(screens())
def test_line_ends_of_another_system_do_no_harm(screen: Screen) -> None:
    assert captured.read(captured.written(screen).replace("\n", "\r\n")) == screen


@given(screens(), st.data())
def test_a_spoilt_file_is_another_screen_or_an_error_with_its_line(
    screen: Screen, data: st.DataObject
) -> None:
    text = captured.written(screen)
    at = data.draw(st.integers(0, len(text) - 1))
    spoilt = text[:at] + data.draw(st.text(max_size=2)) + text[at + data.draw(st.integers(0, 3)) :]
    told = "x:1:"
    try:
        captured.read(spoilt, "x")
    except ConfigError as error:
        told = error.text
    assert re.match(r"x:\d+:", told)


def test_a_person_can_read_it() -> None:
    screen = painted([(1, 2, "ID:", 3, "pi"), (1, 6, "漢\0é", 4, ""), (2, 2, "x", 3, "h")], 2, 10, cursor=5)
    assert captured.written(screen, ["seen at\nnoon"]) == (
        "legacy-bridge screen 1\n"
        "# seen at noon\n"
        "size 2x10\n"
        "cursor 1,6\n"
        "keyboard unlocked\n"
        "#    ----+----1\n"
        "  1 | ID: 漢é  |\n"
        "  2 |          |\n"
        "field 1,2 length 3 protected intensified\n"
        "field 1,6 length 4\n"
        "field 2,2 length 3 hidden\n"
    )


@given(screens(), st.integers(0, 40), st.integers(1, 30))
def test_nothing_hidden_is_written(screen: Screen, start: int, length: int) -> None:
    size = len(screen.text)
    length = min(length, size - 1)
    secret = Screen(
        screen.rows,
        screen.columns,
        "S" * size,
        (Field(start % size, length, False, False, True, False, False),),
        0,
        False,
    )
    shown = captured.read(captured.written(secret))
    assert shown.text.count("S") == size - length


def test_the_file_is_for_its_owner_alone_even_where_another_one_stood(tmp_path: Path) -> None:
    file = tmp_path / "a.screen"
    captured.save(file, typed(["A" * 80]), ["much longer than the other one" * 9])
    captured.save(file, typed(["B"]))

    assert file.stat().st_mode & 0o777 == 0o600
    assert captured.load(file) == typed(["B"])


WRONG = [
    ("<html>", "1: no captured screen; `legacy-bridge mainframe capture` makes one"),
    ("legacy-bridge screen 2\n", "1: a captured screen of version 2, this program reads 1"),
    ("legacy-bridge screen 1\n", "2: the line with the size is missing"),
    ("legacy-bridge screen 1\nsize 0x80\n", "2: 0x80 is no size of a screen"),
    ("legacy-bridge screen 1\nsize 9999x80\n", "2: 9999x80 is no size of a screen"),
    ("legacy-bridge screen 1\nsize 1x4\n", "3: the screen has 1 lines, here are 0"),
    ("legacy-bridge screen 1\nsize 1x4\n1 |abc|\n", "3: 3 cells in a line of 4"),
    (
        "legacy-bridge screen 1\nsize 1x4\n1 |ab\\c|\n",
        "3: '\\\\c' is no escape; a backslash is written twice",
    ),
    ("legacy-bridge screen 1\nsize 1x4\n2 |abcd|\n", "3: line 2 of the screen, where 1 is expected"),
    ("legacy-bridge screen 1\nsize 1x4\ncursor 2,1\n", "3: 2,1 is not on a screen of 1x4"),
    ("legacy-bridge screen 1\nsize 1x4\nfield 1,1 length 2 bright\n", "3: no attribute 'bright'; there are:"),
    ("legacy-bridge screen 1\nsize 1x4\nfield 1,1 length 4\n", "3: fields come in their order on the screen"),
    ("legacy-bridge screen 1\nsize 1x4\nhello\n", "3: not understood: 'hello'"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_is_wrong_with_a_file_is_told_with_its_line(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "a.screen"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        captured.load(file)
    assert str(raised.value).startswith(f"{file}:{why}")


def test_a_file_that_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.screen").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no captured screen: it is not text"):
        captured.load(tmp_path / "a.screen")
    with pytest.raises(ConfigError, match="cannot read the file: No such file"):
        captured.load(tmp_path / "none.screen")


# -- a draft from it

INQUIRY = typed(
    [
        "                        CUSTOMER BALANCE                    2026-11-22  PAGE 1",
        "",
        "CUSTOMER_ID: 00000042     REQUEST_TYPE: BALANCE",
        "NAME . . . : BERGER, BRAM",
        "BALANCE:         9,208.07-",
        "OPENED: 1960-03-24",
        "COMMAND ===>",
    ]
)


def listed(rows: int = 4) -> list[Piece]:
    """A list of ten lines, so many of them filled."""
    pieces = [
        (1, 30, "CUSTOMER LIST", 13, "p"),
        (1, 70, "PAGE", 4, "p"),
        (1, 75, "  1", 3, "p"),
        (3, 2, "SEL", 3, "p"),
        (3, 6, "ID", 8, "p"),
        (3, 15, "NAME", 20, "p"),
    ]
    for line in range(10):
        shown = line < rows
        pieces += [
            (4 + line, 2, "", 1, ""),
            (4 + line, 6, f"{line:08}" if shown else "", 8, "p"),
            (4 + line, 15, f"NAME {line}" if shown else "", 20, "p"),
        ]
    return [*pieces, (20, 2, "ENTER ID:", 9, "p"), (20, 14, "", 8, ""), (22, 2, "F3 BACK  F8 NEXT", 40, "p")]


def loaded(folder: Path, text: str) -> Maps:
    file = folder / "maps.yaml"
    file.write_text(text)
    return maps.load([file])


def drafts(screen: Screen, name: str = "drafted") -> str:
    return drafted.printed([draft.draft(screen, name)], "a draft")


def test_labels_and_what_stands_behind_them_are_fields(tmp_path: Path) -> None:
    known = loaded(tmp_path, drafts(INQUIRY))
    found = checked.check(known, INQUIRY)

    assert (found.name, found.sound) == ("drafted", True)
    assert recognise.record(known.screens["drafted"], INQUIRY).values == {
        "customer_id": "00000042",
        "request_type": "BALANCE",
        "name": "BERGER, BRAM",
        "balance": "9,208.07-",
        "opened": "1960-03-24",
        "command": "",
    }


def test_the_title_identifies_without_what_changes() -> None:
    text = drafts(INQUIRY)
    assert yaml.safe_load(text)["screens"]["drafted"]["identify"] == [
        {"row": 1, "column": 25, "text": "CUSTOMER BALANCE"}
    ]


def test_numbers_and_dates_are_left_to_people() -> None:
    text = drafts(INQUIRY)
    assert re.search(r"balance: .*# decide: '9,208.07-' looks like a number", text)
    assert re.search(r"opened: .*# decide: '1960-03-24' looks like a date", text)


def test_lines_with_the_same_fields_are_a_list(tmp_path: Path) -> None:
    screen = painted(listed())
    text = drafts(screen)
    table = yaml.safe_load(text)["screens"]["drafted"]["table"]

    assert table == {
        "rows": "4-13",
        "columns": {
            "sel": {"column": 2, "length": 1},
            "id": {"column": 6, "length": 8},
            "name": {"column": 15, "length": 20},
        },
        "key": ["id"],
        "page": {"row": 1, "text": "PAGE N"},
        "next": "pf8",
    }
    page = recognise.page(loaded(tmp_path, text).screens["drafted"], screen)
    assert [row.values["name"] for row in page.rows] == ["NAME 0", "NAME 1", "NAME 2", "NAME 3"]
    assert yaml.safe_load(text)["screens"]["drafted"]["fields"] == {"enter_id": {"label": "ENTER ID:"}}


RULED = [
    " CUSTLIST                CUSTOMER LIST                       PAGE    1",
    "",
    " SEL ID        NAME                       BALANCE  CHANGED",
    " --- --------  --------------------  ------------  ----------",
    "  _  00000001  ADAMS & SONS                  1.00  2020-01-02",
    "  _  00000002  JONES                     2,345.10- 2020-11-12",
    "  _  00000003  MUELLER GMBH                  0.00  2021-01-02",
    "",
    "  END OF LIST",
    "PF3=BACK PF7=BWD PF8=FWD",
]


@pytest.mark.parametrize("ruled", ["with a rule", "without"])
def test_lines_with_blanks_in_the_same_columns_are_a_list(ruled: str, tmp_path: Path) -> None:
    screen = typed(RULED if ruled == "with a rule" else [*RULED[:3], "", *RULED[4:]])
    text = drafts(screen)
    made = yaml.safe_load(text)["screens"]["drafted"]["table"]

    assert (made["rows"], list(made["columns"]), made["key"], made["next"]) == (
        "5-7",
        ["sel", "id", "name", "balance", "changed"],
        ["id"],
        "pf8",
    )
    assert made["end"] == [{"row": 9, "text": "END OF LIST"}]
    assert made["page"] == {"row": 1, "text": "PAGE N"}
    known = loaded(tmp_path, text)
    assert [row.values["id"] for row in recognise.page(known.screens["drafted"], screen).rows] == [
        "00000001",
        "00000002",
        "00000003",
    ]


@pytest.mark.parametrize(
    ("shown", "marker"),
    [
        ("END OF LIST", "END OF LIST"),
        ("** BOTTOM OF DATA **", "BOTTOM OF DATA **"),
        ("PF3=EXIT  END OF LIST", "END OF LIST"),
        ("PF5=FIRST PAGE PF6=LAST PAGE PF8=FWD", None),
        ("PF11=END OF LIST", None),
        ("F11 = BOTTOM OF LIST  F12=CANCEL", None),
    ],
)
def test_the_name_of_a_key_is_no_end_of_a_list(shown: str, marker: str | None) -> None:
    assert drafted.end_marker(shown) == marker


def test_a_marker_that_may_stand_on_every_page_is_asked_about() -> None:
    assert "# decide: is 'END OF LIST' on the last page alone?" in drafts(typed(RULED))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("PAGE    1", "PAGE N"),
        ("Page: 3/17", "Page: N/M"),
        ("PAGE 3 OF 17", "PAGE N OF M"),
        ("PAGES 3", None),
        ("PAGE", None),
    ],
)
def test_the_number_of_a_page_is_drafted(shown: str, text: str | None) -> None:
    found = drafted.page_number(1, f"CUSTOMERS  {shown}  2026-11-22")
    assert found == (text and {"row": 1, "text": text})


def test_a_screen_without_anything_is_drafted_with_its_question() -> None:
    text = drafts(typed([]))
    assert "# decide: what identifies this screen?" in text


@given(screens())
def test_a_draft_of_any_screen_is_yaml_with_names_that_a_map_may_have(screen: Screen) -> None:
    made = yaml.safe_load(drafts(screen, "no"))["screens"]["no"]
    names = [*made.get("fields", ()), *made.get("table", {}).get("columns", ())]
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) for name in names)


# -- what check says

MAPS = """
screens:
  balance:
    identify: [{row: 1, column: 25, text: CUSTOMER BALANCE}]
    fields:
      name: {label: "NAME . . . :", length: 20}
      balance: {row: 5, column: 10, length: 17, picture: "ZZZ,ZZ9.99-"}
      opened: {row: 6, column: 9, length: 11, date: DD.MM.YYYY}
  menu:
    identify: [{row: 1, column: 25, text: MAIN MENU}, {row: 3, column: 1, text: CUSTOMER_ID}]
  any:
    identify: [{row: 9, text: NEVER}]
errors: [{row: 1, pattern: "DFHAC\\\\d{4}", class: retry}]
"""


def test_check_tells_what_is_read_and_what_is_not(tmp_path: Path) -> None:
    found = checked.check(loaded(tmp_path, MAPS), INQUIRY)

    assert (found.name, found.sound) == ("balance", False)
    assert found.lines[:2] == ["name     'BERGER, BRAM'", "balance  -9208.07"]
    assert found.lines[2].startswith("NOT READ opened: '1960-03-24' ")


def test_check_tells_why_no_map_knows_a_screen_the_nearest_first(tmp_path: Path) -> None:
    other = typed(["", "", "CUSTOMER_ID: 1"])
    found = checked.check(loaded(tmp_path, MAPS), other)

    assert (found.name, found.sound) == (None, False)
    assert found.lines[0] == "no map knows it"
    assert "not menu, 1 of 2 rules fail:" in found.lines
    assert "  row 1 column 25: not 'MAIN MENU', but blank" in found.lines


def test_check_tells_which_maps_know_it_at_once(tmp_path: Path) -> None:
    text = MAPS.replace("MAIN MENU", "CUSTOMER BALANCE")
    found = checked.check(loaded(tmp_path, text), INQUIRY)

    assert (found.name, found.sound) == (None, False)
    assert found.lines == ["the maps balance, menu all know it: tell them apart by `identify`"]


def test_check_tells_an_error_of_the_host(tmp_path: Path) -> None:
    found = checked.check(loaded(tmp_path, MAPS), typed(["DFHAC2001 TRANSACTION X IS NOT RECOGNIZED"]))

    assert found.lines[0] == "an error of the class retry: 'DFHAC2001 TRANSACTION X IS NOT RECOGNIZED'"
    assert found.sound


def test_check_tells_of_a_page_that_ends_and_goes_on(tmp_path: Path) -> None:
    table = "table: {rows: 2-3, columns: {id: {column: 1, length: 4}}, key: [id], next: pf8, "
    table += "end: [{text: FORWARD}], more: [{row: 5, text: MORE}]}"
    known = loaded(tmp_path, "screens:\n  list:\n    identify: [{row: 1, text: LIST}]\n    " + table)
    found = checked.check(known, typed(["LIST", "0001", "0002", "", "MORE", "PF8=FORWARD"]))

    assert "  NOT READ it shows both an `end` marker and a sign of `more`" in found.lines
    assert not found.sound


# -- drawn


def lines(screen: Screen, known: Maps) -> list[str]:
    name = recognise.identify(known, screen).name
    places = list(recognise.places_of(known.screens[name], screen)) if name else []
    console = Console(width=200, highlight=False)
    with console.capture() as found:
        for line in drawn(screen, places):
            console.print(line)
    return found.get().splitlines()


def test_a_screen_is_drawn_with_its_borders_and_the_map_s_fields(tmp_path: Path) -> None:
    screen = painted(
        [(1, 2, "SIGNON", 20, "p"), (2, 2, "USER:", 5, "p"), (2, 8, "BOB", 4, ""), (3, 2, "x", 4, "h")], 3, 20
    )
    text = """
screens:
  signon:
    identify: [{row: 1, column: 2, text: SIGNON}]
    fields: {user: {row: 2, column: 8, length: 4}, pin: {row: 3, column: 2, length: 4, hidden: true}}
"""
    assert [line.rstrip() for line in lines(screen, loaded(tmp_path, text))] == [
        "     ----+----1----+----2",
        "  1  |SIGNON",
        "  2  |USER:>BOB",
        "  3  #",
        "  | a field begins, > one to type into, # a hidden one",
        "  user  row 2, column 8, length 4  'BOB'",
        "  pin   row 3, column 2, length 4",
    ]


@given(screens())
def test_any_screen_can_be_drawn_without_what_a_terminal_obeys(screen: Screen) -> None:
    console = Console(width=400, highlight=False, soft_wrap=True)
    with console.capture() as found:
        for line in drawn(screen, []):
            console.print(line)
    assert all(each.isprintable() for line in found.get().splitlines() for each in line)
