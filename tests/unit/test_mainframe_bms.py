"""BMS source: cards and operands as an assembler reads them, and the screen maps that come of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ConfigError
from connectors.mainframe import bms, checked, drafted, from_bms, maps
from connectors.mainframe.bms import BmsMap
from tests.unit.mainframe_screens import sent

SOURCES = Path(__file__).parents[1] / "bms"
NAMES = sorted(file.name for file in SOURCES.glob("*.bms"))
HEAD = "SET      DFHMSD TYPE=MAP\nPANEL    DFHMDI SIZE=(24,80)\n"


def card(text: str, mark: str = "") -> str:
    """With a mark in column 72, the line goes on with the next one, from column 16."""
    return (text.ljust(71) + mark) if mark else text


def source(*cards: str) -> str:
    return HEAD + "\n".join(cards) + "\n         DFHMSD TYPE=FINAL\n"


def field(*cards: str) -> bms.BmsField:
    return bms.read(source(*cards))[0].fields[-1]


def of(name: str) -> list[BmsMap]:
    return bms.load(SOURCES / name)


def printed(found: list[BmsMap]) -> tuple[dict[str, Any], str]:
    """The maps as YAML reads them, and as they are printed."""
    text = drafted.printed(from_bms.drafts(found), "from a test")
    return yaml.safe_load(text)["screens"], text


# -- cards


def test_a_statement_goes_on_in_column_16_when_column_72_is_marked() -> None:
    made = field(
        card("NAME     DFHMDF POS=(3,10),", "X"),
        card("               LENGTH=20,", "-"),
        card("               ATTRB=(PROT,BRT)"),
    )
    assert (made.name, made.row, made.column, made.length) == ("NAME", 3, 11, 20)
    assert made.attributes == {"PROT", "BRT"}


def test_what_follows_a_blank_is_a_remark() -> None:
    made = field(
        card("NAME     DFHMDF POS=(3,10),      the name, as it's known,", "X"),
        card("               LENGTH=20       LENGTH=99"),
    )
    assert made.length == 20


def test_quotes_go_on_from_column_71_to_column_16_and_keep_their_blanks() -> None:
    text = "         DFHMDF POS=(3,10),LENGTH=60,INITIAL='"
    rest = 71 - len(text)
    made = field(card(text + "A" * (rest - 2) + "  ", "X"), card("                B C'"))
    assert made.initial == "A" * (rest - 2) + "   B C"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("'IT''S'", "IT'S"),
        ("'A && B'", "A & B"),
        ("''''", "'"),
        ("'A,B=(C'", "A,B=(C"),
        ("'* NO COMMENT'", "* NO COMMENT"),
    ],
)
def test_doubled_quotes_and_ampersands_are_one(written: str, meant: str) -> None:
    assert field(f"         DFHMDF POS=(3,10),LENGTH=20,INITIAL={written}").initial == meant


def test_comments_and_sequence_numbers_are_not_read() -> None:
    text = source(
        "*".ljust(72, "*"),
        ".* OF A MACRO",
        "",
        card("A        DFHMDF POS=(1,1),", "X") + "00010000",
        "               LENGTH=4".ljust(72) + "00020000",
    )
    assert [each.length for each in bms.read(text)[0].fields] == [4]


def test_small_letters_are_as_good() -> None:
    made = field("name     dfhmdf pos=(3,10),length=4,attrb=(unprot,drk),initial='Abc'")
    assert (made.hidden, made.protected, made.initial) == (True, False, "Abc")


@given(
    st.text("ABC abc'&,()=*", min_size=1, max_size=120).filter(str.strip),
    st.sampled_from(["X", "-", "*", "+"]),
)
def test_any_text_comes_through_cards_as_it_was(text: str, mark: str) -> None:
    quoted = text.replace("'", "''").replace("&", "&&")
    whole = f"         DFHMDF POS=(1,1),LENGTH={len(text)},INITIAL='{quoted}'"
    cards = [whole[:71]]
    rest = whole[71:]
    while rest:
        cards[-1] += mark
        cards.append(" " * 15 + rest[:56])
        rest = rest[56:]

    assert field(*cards).initial == text


# -- fields


@pytest.mark.parametrize(
    ("place", "row", "column"),
    [("(1,1)", 1, 2), ("(3,80)", 4, 1), ("0", 1, 2), ("79", 2, 1), ("165", 3, 7)],
)
def test_pos_is_the_attribute_and_the_text_begins_behind_it(place: str, row: int, column: int) -> None:
    made = field(f"A        DFHMDF POS={place},LENGTH=4")
    assert (made.row, made.column) == (row, column)


def test_a_map_that_is_placed_moves_its_fields() -> None:
    text = "SET      DFHMSD TYPE=MAP\nPART     DFHMDI SIZE=(5,40),LINE=10,COLUMN=20\n"
    found = bms.read(text + "A        DFHMDF POS=(2,3),LENGTH=4\nB        DFHMDF POS=43,LENGTH=4\n")[0]
    assert [(each.row, each.column) for each in found.fields] == [(11, 23), (11, 24)]


@pytest.mark.parametrize(
    ("operands", "length"),
    [
        ("INITIAL='FOUR'", 4),
        ("PICOUT='ZZ9.99'", 6),
        ("PICIN='9(5)V99'", 7),
        ("XINIT=C1C2C3", 3),
        ("ATTRB=IC", 0),
    ],
)
def test_without_a_length_the_text_or_picture_gives_it(operands: str, length: int) -> None:
    assert field(f"A        DFHMDF POS=(1,1),{operands}").length == length


def test_xinit_is_of_the_code_page() -> None:
    text = source("         DFHMDF POS=(1,1),LENGTH=3,XINIT=C14AC2")
    assert bms.read(text, code_page="cp037")[0].fields[0].initial == "A¢B"
    assert bms.read(text, code_page="cp1141")[0].fields[0].initial == "AÄB"


def test_occurs_repeats_a_field_with_an_attribute_each() -> None:
    found = bms.read(source("LINE     DFHMDF POS=(3,1),LENGTH=39,OCCURS=4"))[0].fields
    assert [(each.number, each.row, each.column) for each in found] == [
        (1, 3, 2),
        (2, 3, 42),
        (3, 4, 2),
        (4, 4, 42),
    ]


WRONG = [
    ("A        DFHMDF POS=(25,1),LENGTH=4", 3, "POS=(25,1) is outside of the map's 24x80"),
    ("A        DFHMDF POS=(24,70),LENGTH=40", 3, "the field goes beyond the map's 24x80"),
    ("A        DFHMDF POS=(24,1),LENGTH=40,OCCURS=3", 3, "the field goes beyond the map's 24x80"),
    ("A        DFHMDF POS=(1,X),LENGTH=4", 3, "POS=(1,X) is no (line,column) and no number"),
    ("A        DFHMDF POS=(1,1),LENGTH=FOUR", 3, "LENGTH=FOUR is no number"),
    ("A        DFHMDF POS=(1,1),LENGTH=4,INITIAL=ABC", 3, "INITIAL=ABC lacks its quotes"),
    ("A        DFHMDF POS=(1,1),LENGTH=4,XINIT=C1C", 3, "XINIT=C1C is no text in cp037"),
    ("A        DFHMDF POS=(1,1),FOUR", 3, "FOUR is no KEYWORD=value"),
    ("A        DFHMDF POS=(1,1),LENGTH=4,ATTRB=(PROT", 3, "ATTRB=(PROT lacks its closing parenthesis"),
    (
        "A        DFHMDF POS=(1,1),",
        3,
        "the operands end with a comma, and column 72 says that nothing follows",
    ),
    ("A        DFHMDF POS=(1,1),INITIAL='ABC", 3, "the quotes are not closed, and column 72 says"),
    (
        card("A        DFHMDF POS=(1,1),", "X") + "\n                 LENGTH=4",
        4,
        "column 72 of line 3 says that it goes on here; a continuation begins in column 16",
    ),
    (card("A        DFHMDF POS=(1,1),", "X") + "\n         LENGTH=4", 4, "begins in column 16"),
    ("A        DFHMDF POS=(1,1)\nA        DFHMDF POS=(2,1)", 4, "a second field A in map PANEL"),
    ("A-B+C    DFHMDF POS=(1,1)", 3, "A-B+C is no name"),
    ("ALONE", 3, "ALONE is followed by no operation; names begin in column 1 alone"),
    ("M2       DFHMDI SIZE=(24)", 3, "SIZE=(24) is no (lines,columns)"),
    ("         DFHMDI SIZE=(24,80)", 3, "a map without a name"),
]


@pytest.mark.parametrize(("text", "line", "why"), WRONG)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)) as raised:
        bms.read(source(text), "cust.bms")
    assert raised.value.text.startswith(f"cust.bms:{line}: ")


def test_a_field_without_a_map_and_a_file_without_either_are_told() -> None:
    with pytest.raises(ConfigError, match=r"cust\.bms:1: a field before the first DFHMDI"):
        bms.read("A        DFHMDF POS=(1,1),LENGTH=4", "cust.bms")
    with pytest.raises(ConfigError, match=r"cust\.bms: no DFHMDI in this file"):
        bms.read("PROGRAM-ID. CUST.\n       PROCEDURE DIVISION.", "cust.bms")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the file: No such file"):
        bms.load(tmp_path / "none.bms")


def test_a_file_in_latin_1_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cust.bms"
    file.write_bytes(source("         DFHMDF POS=(1,1),LENGTH=8,INITIAL='STRAßE'").encode("latin-1"))
    assert bms.load(file)[0].fields[0].initial == "STRAßE"


@given(st.text(st.characters(codec="ascii"), max_size=400))
def test_no_text_is_more_than_an_error(text: str) -> None:
    told = "map:"
    try:
        from_bms.drafts(bms.read(HEAD + text))
    except ConfigError as error:
        told = error.text
    assert told.startswith("map:")


# -- maps


@pytest.mark.parametrize("name", NAMES)
def test_a_map_of_a_source_is_one_that_can_be_loaded_or_says_what_is_missing(
    name: str, tmp_path: Path
) -> None:
    screens, text = printed(of(name))
    file = tmp_path / "maps.yaml"
    file.write_text(text)
    if all("identify" in each for each in screens.values()):
        assert maps.load([file]).screens.keys() == screens.keys()
    else:
        assert "decide: what identifies this screen?" in text
        with pytest.raises(ConfigError, match="'identify' is missing"):
            maps.load([file])


def decided(tmp_path: Path, *cards: str) -> str:
    """The line with what is left to decide, of a map that is refused as it is."""
    _, text = printed(bms.read(source("         DFHMDF POS=(1,1),LENGTH=5,INITIAL='TITLE'", *cards)))
    file = tmp_path / "maps.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="hidden"):
        maps.load([file])
    return next(line for line in text.splitlines() if "decide:" in line and "hidden" in line)


def test_a_field_over_a_dark_one_is_left_to_decide(tmp_path: Path) -> None:
    dark = "A        DFHMDF POS=(2,1),LENGTH=5,ATTRB=DRK"
    told = decided(tmp_path, dark, "B        DFHMDF POS=(2,3),LENGTH=5")
    assert told.endswith("# decide: it is over cells of A, which is hidden: leave one of the two out")


def test_a_list_of_dark_columns_is_left_to_decide(tmp_path: Path) -> None:
    dark = (f"K{number}       DFHMDF POS=({number + 4},1),LENGTH=5,ATTRB=DRK" for number in range(1, 6))
    assert "all columns are hidden (DRK), and such a one is no key" in decided(tmp_path, *dark)


SHOWN: dict[str, dict[str, str]] = {
    "CUSTINQ": {"CUSTID": "00000042", "NAME": "BERGER, BRAM", "BALANCE": "    9,208.07-", "PIN": "1234"},
    "CUSTLST": {
        "PAGENO": "  1",
        "ID01": "00000010",
        "NAME01": "BERGER, BRAM",
        "SEL02": "S",
        "ID02": "00000020",
    },
    "ORDHEAD": {
        "ORDER": "A-77",
        "DD": "24",
        "MM": "12",
        "YY": "99",
        "TOTAL": "      9.50CR",
        "REMARK(1)": "FRAGILE",
    },
}


@pytest.mark.parametrize("name", ["custset.bms", "orders.bms"])
def test_the_maps_of_a_source_read_the_screens_that_it_paints_without_an_edit(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / "maps.yaml"
    file.write_text(printed(of(name))[1])
    loaded = maps.load([file])
    for each in of(name):
        found = checked.check(loaded, sent(each, SHOWN[each.name]))
        assert (found.name, found.sound) == (each.name.lower(), True), found.lines


def test_literals_identify_and_names_are_fields() -> None:
    screens, _ = printed(of("custset.bms"))
    custinq = screens["custinq"]

    assert custinq["size"] == "24x80"
    assert custinq["identify"][0] == {"row": 1, "column": 2, "text": "CUSTOMER INQUIRY"}
    texts = [each["text"] for each in custinq["identify"]]
    assert "Type the customer's number & what you ask for; press ENTER" in texts
    assert "ENTER=INQUIRE PF3=END" in texts, "in hexadecimal in the source"
    assert custinq["fields"]["name"] == {"row": 7, "column": 15, "length": 30}
    assert custinq["fields"]["balance"] == {"row": 8, "column": 15, "length": 13, "picture": "Z,ZZZ,ZZ9.99-"}
    assert custinq["fields"]["pin"] == {"row": 5, "column": 15, "length": 4, "hidden": True}


@pytest.mark.parametrize(
    ("picture", "asked"), [("99/99/99", True), ("9999B99B99", True), ("ZZ9.99", False), ("999B999", False)]
)
def test_a_picture_that_may_be_of_a_date_is_asked_about(picture: str, asked: bool) -> None:  # noqa: FBT001
    length = 6 if picture == "ZZ9.99" else None
    cards = f"DAY      DFHMDF POS=(1,1),PICOUT='{picture}'" + (f",LENGTH={length}" if length else "")
    _, text = printed(bms.read(source(cards)))
    assert ("# decide: a date? then `date: ...` instead of the picture" in text) is asked


def test_what_is_left_to_decide_stands_beside_it() -> None:
    _, text = printed(of("custset.bms"))
    assert re.search(r"limit: .*# decide: typed as 9\(7\)V99; a picture\?", text)
    assert re.search(r"custid: .*# decide: numeric; a picture\?", text)
    assert re.search(r"rating: .*# decide: the source's picture 9Q9 ", text)
    assert re.search(r"key: \[id\]  # decide: ", text)
    assert '# decide: page: {row: 1, text: "PAGE N"}, if PAGENO is the number of the page' in text


def test_numbered_names_in_a_column_are_a_list() -> None:
    table = printed(of("custset.bms"))[0]["custlst"]["table"]

    assert table["rows"] == "5-16"
    assert table["columns"] == {
        "sel": {"column": 3, "length": 1},
        "id": {"column": 7, "length": 8, "picture": "9(8)"},
        "name": {"column": 17, "length": 30},
    }
    assert (table["key"], table["next"]) == (["id"], "pf8")


def test_fields_that_occur_line_by_line_are_a_list_and_others_are_numbered() -> None:
    screens, text = printed(of("orders.bms"))
    ordhead = screens["ordhead"]

    assert (ordhead["table"]["rows"], list(ordhead["table"]["columns"])) == ("3-8", ["remark"])
    assert [name for name in ordhead["fields"] if name.startswith("code")] == [
        "code_1",
        "code_2",
        "code_3",
        "code_4",
    ]
    assert "# decide: one text a line; cut it into columns" in text


def test_a_group_is_told_and_its_parts_are_fields() -> None:
    screens, text = printed(of("orders.bms"))

    assert "# DATE is one field of the screen with these parts: DD, MM, YY" in text
    assert [screens["ordhead"]["fields"][name]["column"] for name in ("dd", "mm", "yy")] == [42, 45, 48]


def test_a_literal_of_codes_that_no_screen_shows_identifies_nothing() -> None:
    cards = (
        "         DFHMDF POS=(1,1),LENGTH=8,ATTRB=PROT,XINIT=0E42C142C20F4040",
        "         DFHMDF POS=(2,1),LENGTH=3,ATTRB=PROT,XINIT=C10000",
        "         DFHMDF POS=(3,1),LENGTH=5,ATTRB=PROT,INITIAL='NAME:'",
    )
    screens, text = printed(bms.read(source(*cards)))
    (screen,) = screens.values()
    assert screen["identify"] == [{"row": 3, "column": 2, "text": "NAME:"}]
    for row in (1, 2):
        assert f"# decide: what shows in row {row}, column 2? Its XINIT has codes that are no text" in text


def test_what_the_program_decides_is_told() -> None:
    text = printed(of("orders.bms"))[1]

    assert "# decide: the program places this map (LINE or COLUMN)" in text
    assert "# SCRATCH has no POS: it is not on the screen" in text
    assert "# decide: these statements were not read: AIF in line 12, ANOP in line 14" in text


def test_named_texts_identify_a_screen_that_has_no_others() -> None:
    screens, text = printed(of("bare.bms"))

    assert screens["notext"]["identify"] == [{"row": 1, "column": 31, "text": "DAILY TOTALS"}]
    assert "# decide: no literal is without a name here" in text
    assert {"sum1", "sum2"} <= screens["notext"]["fields"].keys(), "two lines are no list"
    assert "identify" not in screens["nothing"]


@pytest.mark.parametrize("rows", [2, 3, 4, 5])
def test_some_lines_of_an_address_are_no_list(rows: int) -> None:
    cards = [f"ADDR{number}    DFHMDF POS=({number + 3},10),LENGTH=30" for number in range(1, rows + 1)]
    screens, _ = printed(bms.read(source("         DFHMDF POS=(1,1),INITIAL='T'", *cards)))
    assert ("table" in screens["panel"]) == (rows >= from_bms.LONE_COLUMN)


def test_names_that_would_collide_are_told_apart() -> None:
    cards = ["A@B      DFHMDF POS=(3,1),LENGTH=3", "A#B      DFHMDF POS=(4,1),LENGTH=3"]
    screens, _ = printed(bms.read(source("         DFHMDF POS=(1,1),INITIAL='T'", *cards)))
    assert list(screens["panel"]["fields"]) == ["a_b", "a_b_2"]
