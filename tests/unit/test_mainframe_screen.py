"""Screens, and what is made of clients' buffers: no client, no host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ConfigError, TransientError
from connectors.mainframe import code_pages
from connectors.mainframe.screen import FILLER, Screen, spelled
from connectors.mainframe.terminal import Endpoint
from connectors.mainframe.transports import cells, readbuffer, terminal
from tests.unit.mainframe_screens import painted

SIZE = 24 * 80
PROTECTED, ENTRY, HIDDEN_ENTRY, TITLE = 0x30, 0x40, 0x4C, 0x68


def screen(
    attributes: list[tuple[int, int]], text: str = "", *, cursor: int = 0, locked: bool = False
) -> Screen:
    cut = text.ljust(SIZE)
    among = cells.fields(tuple(attributes), SIZE)
    return Screen(24, 80, cells.blanked(cut, among), among, cursor, locked)


def test_rows_and_columns_count_from_one() -> None:
    shown = screen([], " " * 80 + "AB CD")
    assert shown.row(2).startswith("AB CD")
    assert shown.cut(2, 4, 2) == "CD"
    assert len(shown.lines) == 24
    assert all(len(line) == 80 for line in shown.lines)


def test_the_title_is_the_first_line_that_is_not_blank() -> None:
    assert screen([], " " * 165 + "CUSTOMER LIST  PAGE 1").title == "CUSTOMER LIST  PAGE 1"
    assert screen([]).title == ""


def test_a_double_byte_character_takes_two_cells_and_is_cut_as_one() -> None:
    shown = screen([], f" 日{FILLER}本{FILLER} X")
    assert shown.row(1)[5] == " "
    assert shown.cut(1, 2, 4) == "日本"
    assert shown.cut(1, 7, 1) == "X"
    assert shown.title == "日本 X"


def test_a_field_is_found_by_its_cells_and_not_by_its_attribute() -> None:
    shown = screen([(3, PROTECTED), (10, ENTRY), (20, PROTECTED)])
    assert shown.field_at(10) is None
    entry = shown.field_at(11)
    assert entry is not None
    assert (entry.start, entry.length, entry.protected) == (11, 9, False)
    assert shown.field_at(19) == entry
    assert shown.field_at(20) is None


def test_the_last_field_wraps_to_the_top_of_the_screen() -> None:
    shown = screen([(3, ENTRY), (SIZE - 2, TITLE)])
    last = shown.field_at(SIZE - 1)
    assert last is not None
    assert last.length == 4
    assert last.intensified
    assert shown.field_at(0) == shown.field_at(2) == last
    assert shown.field_at(3) is None


def test_a_field_whose_attribute_is_in_the_last_cell_begins_at_the_top() -> None:
    shown = screen([(5, ENTRY), (SIZE - 1, PROTECTED)])
    assert [field.start for field in shown.fields] == [0, 6]
    assert shown.field_at(0) == shown.fields[0]


def test_two_attributes_in_a_row_make_a_field_without_cells() -> None:
    shown = screen([(5, ENTRY), (6, PROTECTED)])
    assert shown.fields[0].length == 0
    assert shown.field_at(6) is None


def test_a_single_field_has_all_cells_but_its_attribute() -> None:
    assert screen([(7, ENTRY)]).fields[0].length == SIZE - 1


def test_the_bits_of_an_attribute() -> None:
    flags = [
        (field.protected, field.numeric, field.hidden, field.intensified, field.modified)
        for field in cells.fields(((0, 0x40), (2, 0xF0), (4, 0x4C), (6, 0xC8), (8, 0xC1)), 10)
    ]
    assert flags == [
        (False, False, False, False, False),
        (True, True, False, False, False),
        (False, False, True, False, False),
        (False, False, False, True, False),
        (False, False, False, False, True),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 239), st.sampled_from([PROTECTED, ENTRY, HIDDEN_ENTRY])),
        unique_by=lambda a: a[0],
    )
)
def test_hidden_cells_are_blank_and_all_others_stay(attributes: list[tuple[int, int]]) -> None:
    """Each cell belongs to the last attribute before it, round the corner."""
    attributes.sort()
    addresses = {address for address, _ in attributes}
    text = cells.blanked("x" * 240, cells.fields(tuple(attributes), 240))
    for address in set(range(240)) - addresses:
        before = [value for at, value in attributes if at < address] or [value for _, value in attributes]
        hidden = bool(before) and before[-1] == HIDDEN_ENTRY
        assert text[address] == (" " if hidden else "x")


def test_without_attributes_a_screen_is_unformatted() -> None:
    assert screen([]).fields == ()
    assert screen([]).field_at(5) is None


def test_typing_needs_an_unprotected_field_with_room_and_a_keyboard() -> None:
    shown = screen([(0, PROTECTED), (9, ENTRY), (15, PROTECTED)])
    assert cells.check_entry(shown, 10, "12345", "cp037") == 5
    assert cells.check_entry(shown, 12, "345", "cp037") == 3
    for address, text, why in [
        (0, "x", "is an attribute"),
        (1, "x", "a protected field"),
        (10, "123456", "longer than the 5"),
        (12, "3456", "longer than the 3"),
        (10, "a\tb", "a control character"),
        (10, "€", "cp037 has not"),
        (SIZE, "x", "there is no row 25"),
    ]:
        with pytest.raises(ConfigError, match=why):
            cells.check_entry(shown, address, text, "cp037")
    with pytest.raises(TransientError, match="locked"):
        cells.check_entry(screen([], locked=True), 0, "x", "cp037")


def test_no_message_quotes_what_was_to_be_typed() -> None:
    shown = screen([(0, PROTECTED), (9, HIDDEN_ENTRY), (15, PROTECTED)])
    for address, secret in [(1, "S3CRET"), (10, "S3CRET42"), (10, "S3€"), (10, "S3\n")]:
        with pytest.raises(ConfigError) as caught:
            cells.check_entry(shown, address, secret, "cp037")
        assert "S3" not in str(caught.value)


def test_no_message_quotes_a_screen_of_which_a_map_may_hide_cells() -> None:
    shown = painted([(1, 2, "PIN 4711", 10, "p"), (2, 2, "", 8, "")])
    with pytest.raises(ConfigError, match="row 1, column 3 of the screen is a protected field") as caught:
        cells.check_entry(shown, 2, "x", "cp037")
    assert "4711" not in str(caught.value)


def test_an_unformatted_screen_takes_text_anywhere() -> None:
    assert cells.check_entry(screen([]), 0, "CUSTINQ", "cp037") == SIZE


def test_double_byte_text_needs_room_for_its_shift_codes() -> None:
    shown = screen([(0, ENTRY), (6, PROTECTED)])
    with pytest.raises(ConfigError, match="longer than the 5"):
        cells.check_entry(shown, 1, "日本", "cp930")
    assert cells.check_entry(shown, 1, "日", "cp930") == 5


@pytest.mark.parametrize("name", code_pages.NAMES)
def test_each_code_page_maps_back_what_it_maps(name: str) -> None:
    table = code_pages.table(name)
    assert len(table) == 256
    for character, code in code_pages.encoding(name).items():
        assert table[code] == character
    for letter in "ABCXYZ0189 .<(+&*);-/,%_>?':='":
        assert table[letter.encode("cp037")[0]] == letter


@pytest.mark.parametrize("name", ["cp037", "cp500", "cp1140"])
def test_where_python_knows_a_code_page_too_the_tables_agree(name: str) -> None:
    assert code_pages.table(name)[0x40:0xFF] == bytes(range(0x40, 0xFF)).decode(name)


@pytest.mark.parametrize(("older", "euro"), code_pages.EURO_PAGE.items())
def test_a_euro_page_differs_in_the_euro_alone(older: str, euro: str) -> None:
    assert code_pages.table(older) == code_pages.table(euro).replace("€", "¤")
    assert code_pages.table(euro).count("€") == 1


def test_german_characters_in_the_german_page() -> None:
    assert (
        "".join(code_pages.table("cp1141")[code] for code in bytes.fromhex("4a5ae0a1c06ad09f")) == "ÄÜÖßäöü€"
    )


def test_an_unknown_code_page_or_model_is_told_before_anything_is_tried() -> None:
    with pytest.raises(ConfigError, match="cp9999"):
        terminal("s3270", Endpoint("host", 23, code_page="cp9999"))
    with pytest.raises(ConfigError, match="use transport: s3270"):
        terminal("tnz", Endpoint("host", 23, code_page="cp930"))
    with pytest.raises(ConfigError, match="model: 6 is none of 2, 3, 4, 5"):
        terminal("tnz", Endpoint("host", 23, model=6))
    with pytest.raises(ConfigError, match="host"):
        terminal("s3270", Endpoint('x")Quit()', 23))
    with pytest.raises(ConfigError, match="lu"):
        terminal("s3270", Endpoint("host", 23, lu="LU1 LU2"))


def test_what_s3270_prints_of_its_buffer() -> None:
    buffer = readbuffer.codes(
        ["SF(c0=f8) e3 SA(42=f4) c9 SF(c0=cc,42=f2) e2 00", "GE(85) 0c 1c 3f ff SF() c1 c2"]
    )
    assert buffer.attributes == [(0, 0xF8), (3, 0xCC), (11, 0)]
    assert buffer.graphics == [6]
    text = cells.decoded(buffer.codes, buffer.graphics, "cp037")
    assert text == " TI S │ *\ufffd  AB"


def test_the_state_of_the_keyboard_and_the_cursor() -> None:
    status = readbuffer.status("L F U C(mvs1) I 5 27 132 3 10 0x0 0.000")
    assert (status.locked, status.connected) == (True, True)
    assert (status.rows, status.columns, status.cursor) == (27, 132, 3 * 132 + 10)
    assert not readbuffer.status("L U U N N 4 43 80 0 0 0x0 -").connected
    with pytest.raises(TransientError):
        readbuffer.status("Connection failed:")


def test_a_buffer_of_another_size_than_the_screen_is_no_screen() -> None:
    status = readbuffer.status("U F U C(mvs1) I 2 24 80 0 0 0x0 0.000")
    buffer = readbuffer.codes(["c1 c2"])
    with pytest.raises(TransientError, match="2 cells"):
        readbuffer.screen(status, buffer, "AB")


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (f" 日{FILLER}田{FILLER} ", "日田"),
        (f"A 日{FILLER} B 田{FILLER} C ", "A日B田C "),
        (f" 日{FILLER}  田{FILLER}  x", "日田 x"),
        (f"日{FILLER}", "日"),
        (" A  B ", " A  B "),
    ],
)
def test_shift_codes_are_no_blanks_of_a_value(cells: str, text: str) -> None:
    assert spelled(cells) == text


def test_text_of_other_code_pages_is_as_s3270_prints_it() -> None:
    printed = ["SF(c0=f0) 41 0e e697a5 - e794b0 - 0f SA(42=f4) 42 42"]
    buffer = readbuffer.codes(["SF(c0=f0) c1 0e 45 62 45 63 0f SA(42=f4) c2 0c"])
    assert readbuffer.characters(printed, buffer) == f" A 日{FILLER}田{FILLER} B "
