"""COBOL's descriptions of data, and the bytes they describe."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from bridge.errors import ConfigError
from connectors.mainframe.records.copybook import grammar, picture
from connectors.mainframe.records.copybook.blocks import Decoded
from connectors.mainframe.records.copybook.decode import Decoder
from connectors.mainframe.records.copybook.encode import Encoder
from connectors.mainframe.records.copybook.layout import layout
from connectors.mainframe.records.copybook.nodes import Layout
from connectors.mainframe.records.copybook.picture import Kind
from connectors.mainframe.records.options import RecordOptions
from connectors.mainframe.records.rows import library


class Book:
    """A copybook of some text."""

    def __init__(self, path: Path, text: str, **options: Any) -> None:
        path.write_text(text)
        self.options = RecordOptions.model_validate({"copybook": str(path), **options})
        records = grammar.parse(path, library(self.options))
        self.layout: Layout = layout(records, self.options)
        self.decoder = Decoder(self.layout, self.options)
        self.encoder = Encoder(self.layout, self.options)

    def decoded(self, *records: bytes) -> Decoded:
        return self.decoder.records(records)

    def row(self, record: bytes) -> dict[str, Any]:
        decoded = self.decoded(record)
        assert not decoded.problems, decoded.problems
        row: dict[str, Any] = decoded.rows.to_pylist()[0]
        return row

    def value(self, raw: bytes) -> Any:
        """Of the only item."""
        (value,) = self.row(raw).values()
        return value

    def problems(self, *records: bytes) -> list[str]:
        return [str(problem) for problem in self.decoded(*records).problems]


type Books = Callable[..., Book]


@pytest.fixture
def book(tmp_path: Path) -> Books:
    return lambda text, **options: Book(tmp_path / "book.cpy", text, **options)


def ebcdic(text: str) -> bytes:
    return text.encode("cp037")


# -- pictures


@pytest.mark.parametrize(
    ("text", "kind", "length", "digits", "scale", "signed"),
    [
        ("X", Kind.TEXT, 1, 0, 0, False),
        ("X(12)", Kind.TEXT, 12, 0, 0, False),
        ("A(3)X9", Kind.TEXT, 5, 0, 0, False),
        ("9(5)", Kind.NUMBER, 5, 5, 0, False),
        ("s9(5)v99", Kind.NUMBER, 7, 7, 2, True),
        ("V9(3)", Kind.NUMBER, 3, 3, 3, False),
        ("999PP", Kind.NUMBER, 3, 3, -2, False),
        ("SVPP99", Kind.NUMBER, 2, 2, 4, True),
        ("PP99", Kind.NUMBER, 2, 2, 4, False),
        ("Z,ZZ9.99CR", Kind.TEXT, 10, 0, 0, False),
        ("-(5)9V,99", Kind.TEXT, 9, 0, 0, False),
        ("99/99/9999", Kind.TEXT, 10, 0, 0, False),
        ("N(4)", Kind.NATIONAL, 4, 0, 0, False),
    ],
)
def test_pictures_say_what_an_item_holds(
    text: str,
    kind: Kind,
    length: int,
    digits: int,
    scale: int,
    signed: bool,  # noqa: FBT001 -- a table
) -> None:
    found = picture.parse(text)
    assert found == picture.Picture(kind, length, digits, scale, signed)


@pytest.mark.parametrize("text", ["9S", "9V9V9", "9P9", "X(3", "Q", "G(4)", "9(39)", "X99V9", "", "(3)9"])
def test_what_is_no_picture_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        picture.parse(text)


# -- how copybooks are written


def test_a_copybook_of_cards_is_read_between_columns_8_and_72(book: Books) -> None:
    text = (
        "000100 01  CUSTOMER.                                                    CUST0001\n"
        "000200* what a comment says 05 NOTHING PIC X.\n"
        "000300     05  CUST-ID         PIC 9(4).                                CUST0003\n"
        "       EJECT\n"
        "000400     05  NAME            PIC X(3)                                 CUST0004\n"
        "000500         VALUE 'a. long\n"
        "000600-              ' er one'.\n"
        "000700D    05  DEBUG           PIC X.\n"
        "000800     88  IS-NOBODY       VALUE 'X' 'Y' THRU 'Z'.\n"
    )
    assert book(text).row(ebcdic("0042JOE")) == {"cust_id": 42, "name": "JOE"}


def test_a_copybook_in_free_format_may_begin_anywhere(book: Books) -> None:
    text = "01 r. *> a record\n  05 a pic x(2). 05 b\n pic s9(3) usage is comp-3. *> and so on\n* nothing\n"
    assert book(text).row(ebcdic("ab") + b"\x12\x3d") == {"a": "ab", "b": -123}


def test_a_copybook_may_begin_below_the_record(book: Books) -> None:
    found = book("           05 A PIC X.\n           05 B PIC X.\n")
    assert found.layout.row.width == 2


def test_usage_and_sign_of_a_group_hold_for_its_items(book: Books) -> None:
    found = book(
        "01 R.\n 05 G USAGE COMP-3.\n  10 A PIC S9(3).\n  10 B PIC 9(2).\n"
        " 05 H SIGN IS LEADING SEPARATE CHARACTER.\n  10 C PIC S9(2).\n  10 D PIC X.\n"
    )
    assert found.row(b"\x12\x3d\x01\x2f" + ebcdic("-07x")) == {"a": -123, "b": 12, "c": -7, "d": "x"}


@pytest.mark.parametrize(
    "clauses", ["PIC 9(5) BLANK WHEN ZERO", "BLANK WHEN ZERO PIC 9(5)", "BLANK ZERO PIC 9(5)"]
)
def test_a_number_that_is_blank_when_zero_is_edited_in_whatever_order(book: Books, clauses: str) -> None:
    found = book(f"01 R.\n 05 A {clauses}.\n")
    assert [found.value(ebcdic(text)) for text in ("00042", "     ")] == ["00042", ""]


def test_copy_brings_other_copybooks_with_words_replaced(book: Books, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "ADDR.cpy").write_text(
        "05 :TAG:-STREET PIC X(2).\n05 OLD-CITY PIC X(LEN).\n05 ZIP PIC 9(2) COMP-3.\n05 X-OLD PIC X.\n"
    )
    (tmp_path / "PLAIN.CPY").write_text("05 PLAIN PIC X.\n")
    text = (
        "01 R.\n COPY ADDR OF MYLIB REPLACING ==:TAG:== BY ==HOME==\n"
        " LEADING ==OLD== BY ==NEW== ==X(LEN)== BY ==X(3)==\n"
        "  ZIP BY POSTCODE, TRAILING ==-OLD== BY ==-NEW==.\n"
        " COPY 'plain' SUPPRESS.\n"
    )
    found = book(text, copybook_folders=[str(tmp_path / "lib")])
    assert [leaf.label for leaf in found.layout.row.leaves()] == [
        "home_street", "new_city", "postcode", "x_new", "plain",
    ]  # fmt: skip
    assert found.layout.row.width == 2 + 3 + 2 + 1 + 1


@pytest.mark.parametrize(
    ("replacing", "columns", "width"),
    [
        ("==X(4)== BY ==X(8)== ==X(8)== BY ==X(2)==", ["old_a", "old_b", "q_old"], 8 + 2 + 1),
        ("OLD-A BY OLD-B OLD-B BY OLD-A", ["old_b", "old_a", "q_old"], 4 + 8 + 1),
        ("OLD-A BY NEW ==OLD-== BY ==X-==", ["new", "x_b", "q_old"], 4 + 8 + 1),
        ("==OLD-== BY ==P-OLD-== LEADING ==P-OLD== BY ==NEW==", ["p_old_a", "p_old_b", "q_old"], 4 + 8 + 1),
        ("LEADING ==OLD== BY ==Q-OLD== ==Q-OLD== BY ==LAST==", ["q_old_a", "q_old_b", "last"], 4 + 8 + 1),
        (
            "==PIC X(4)== BY ==PIC X(8)== ==X(4)== BY ==X== ==X(8)== BY ==X(2)==",
            ["old_a", "old_b", "q_old"],
            11,
        ),
    ],
)
def test_what_copy_has_replaced_is_not_replaced_again(
    book: Books, tmp_path: Path, replacing: str, columns: list[str], width: int
) -> None:
    (tmp_path / "INNER.cpy").write_text("05 OLD-A PIC X(4).\n05 OLD-B PIC X(8).\n05 Q-OLD PIC X.\n")
    found = book(f"01 R.\n COPY INNER REPLACING {replacing}.\n")
    assert ([leaf.label for leaf in found.layout.row.leaves()], found.layout.row.width) == (columns, width)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("01 A.\n 05 B PIC X(2.\n", "book.cpy:2: the picture X(2 of B: (2 does not belong"),
        ("01 A.\n 05 B.\n", "book.cpy:2: B has neither a picture nor items in it"),
        ("01 A.\n 05 B PIC X COMP-3.\n", "book.cpy:2: B: USAGE PACKED-DECIMAL needs a picture"),
        ("01 A.\n 05 B PIC 9(19) COMP.\n", "book.cpy:2: B: USAGE BINARY has at most 18 digits"),
        ("01 A.\n 05 B PIC 9 COMP-1.\n", "book.cpy:2: B: USAGE COMP-1 has no picture"),
        ("01 A.\n 05 B PIC X\n", "book.cpy:2: the entry has no full stop"),
        ("01 A.\n 05 B PIC X.\n 05 C PIC 9 USAGE COMP-9.\n", "book.cpy:3: USAGE COMP-9 is not supported"),
        ("01 A.\n 05 B PIC X WITH.\n", "book.cpy:2: WITH is not understood"),
        ("01 A.\n MOVE A TO B.\n", "book.cpy:2: MOVE is no level number"),
        ("01 A.\n 50 B PIC X.\n", "book.cpy:2: there is no level 50"),
        ("01 A.\n 05 B PIC X.\n 10 C PIC X.\n", "book.cpy:3: C (level 10) stands in B, which has a"),
        ("01 A.\n 10 B PIC X.\n 05 C PIC X.\n", "book.cpy:3: C: no group has level 05"),
        ("01 A.\n 05 :T:-B PIC X.\n", "book.cpy:2: :T:-B is no name; is a COPY … REPLACING"),
        ("01 A.\n 05 B OCCURS 5 TO 3 DEPENDING ON C PIC X.\n", "book.cpy:2: OCCURS 5 TO 3 is impossible"),
        ("01 A.\n 05 B OCCURS 1 TO 3 DEPENDING ON C PIC X.\n", "book.cpy:2: B depends on C, which is no"),
        ("01 A.\n 05 B PIC X.\n 05 C REDEFINES A PIC X.\n", "book.cpy:3: C redefines A, which does not"),
        ("01 A.\n 05 B PIC X.\n 05 b PIC X.\n", "book.cpy:3: B is there twice; see"),
        ("01 A.\n COPY MISSING.\n", "book.cpy:2: COPY MISSING: there is no such copybook"),
        ("01 A.\n COPY book.\n", "copy each other without end"),
        ("01 A.\n COPY B REPLACING ==== BY X.\n", "book.cpy:2: REPLACING replaces nothing"),
        ("01 A.\n 05 B PIC X VALUE 'abc.\n", "book.cpy:2: the literal 'abc. has no end"),
        ("01 A.\n 05 B PIC X(2) VALUE SPACES\n 05 C PIC S9(3) COMP-3.\n",
         "book.cpy:3: 05 is not understood; is a full stop missing?"),
        ("01 A.\n 05 G VALUE 0\n 10 C PIC 9.\n", "book.cpy:3: 10 is not understood; is a full stop"),
        ("01 A.\n 05 B PIC X VALUE ALL 'x' 'y'\n 05 C PIC X.\n", "book.cpy:3: 05 is not understood"),
        ("01 A.\n 05 B PIC X.\n  88 YES VALUE 'Y'\n 05 C PIC X.\n",
         "book.cpy:4: PIC does not belong to level 88; is a full stop missing?"),
        ("01 A.\n 05 B PIC X PIC 9.\n", "book.cpy:2: B: a second PIC; is a full stop missing?"),
        ("01 A.\n 05 B PIC 9 COMP USAGE COMP-3.\n", "book.cpy:2: B: a second USAGE"),
        ("01 A.\n 05 B PIC X OCCURS 2 OCCURS 3.\n", "book.cpy:2: B: a second OCCURS"),
        ("01 A.\n 05 B PIC S9 LEADING SIGN TRAILING.\n", "book.cpy:2: B: a second SIGN"),
        ("* nothing\n", "book.cpy: describes no data"),
        ("01 A.\n 05 N PIC 9.\n 05 T OCCURS 2.\n  10 U OCCURS 1 TO 2 DEPENDING ON N PIC X.\n",
         "book.cpy:4: U: OCCURS DEPENDING ON inside of the table T is not supported"),
        ("01 A.\n 05 B PIC X.\n 05 C REDEFINES B PIC 9.\n", "book.cpy:2: B is redefined by C; say under"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_and_line(book: Books, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        book(text)
    assert told in str(error.value)


# -- numbers


@pytest.mark.parametrize(
    ("clauses", "raw", "value"),
    [
        ("9(3)", "f0f4f2", 42),
        ("9(3)", "f0f4c2", 42),
        ("S9(3)", "f0f4c2", 42),
        ("S9(3)", "f0f4d2", -42),
        ("S9(3)", "f0f4f2", 42),
        ("S9(3)V99 SIGN TRAILING", "f0f0f1f2d5", Decimal("-1.25")),
        ("S9(3) SIGN IS LEADING", "d0f4f2", -42),
        ("S9(3) LEADING SEPARATE", "60f0f4f2", -42),
        ("S9(3) SIGN TRAILING SEPARATE CHARACTER", "f0f4f24e", 42),
        ("9(18)", "f9" * 18, 10**18 - 1),
        ("9(19)", "f9" * 19, Decimal(10**19 - 1)),
        ("S9(31)", "f9" * 30 + "d9", Decimal(1 - 10**31)),
        ("S9(16)V9(22)", "f9" * 37 + "d9", Decimal("-" + "9" * 16 + "." + "9" * 22)),
        ("9(2)P(3)", "f4f2", 42000),
        ("9(17)P(3)", "f9" * 17, Decimal(10**17 - 1) * 1000),
        ("VP(3)9(2)", "f4f2", Decimal("0.00042")),
        ("S9(3) COMP-3", "123c", 123),
        ("S9(3) COMP-3", "123b", -123),
        ("S9(3) PACKED-DECIMAL", "123f", 123),
        ("9(3) COMP-3", "123c", 123),
        ("S9(4)V99 COMP-3", "0123456d", Decimal("-1234.56")),
        ("S9(31)V99 COMP-3", "9" * 33 + "d", Decimal("-" + "9" * 31 + ".99")),
        ("S9(4) COMP", "ffd6", -42),
        ("9(4) COMP", "ffd6", 65494),
        ("S9(9) BINARY", "fffffffe", -2),
        ("9(9) COMP-4", "fffffffe", 4294967294),
        ("S9(18) COMP", "8000000000000000", -(2**63)),
        ("S9(2)V99 COMP", "ffd6", Decimal("-0.42")),
        ("S9(18) COMP-5", "ffffffffffffffd6", -42),
        ("S9(4)P(2) COMP", "0007", 700),
    ],
)  # fmt: skip
def test_numbers_are_exact(book: Books, clauses: str, raw: str, value: Any) -> None:
    found = book(f"01 N PIC {clauses}.\n")
    assert found.value(bytes.fromhex(raw)) == value
    kind = found.decoder.schema[0].type
    assert pa.types.is_int64(kind) if isinstance(value, int) else pa.types.is_decimal128(kind)


@pytest.mark.parametrize("sign", ["", "S"])
@pytest.mark.parametrize(
    ("usage", "digits"), [(usage, digits) for usage in ("", "COMP-3") for digits in (17, 18, 19)]
)
def test_numbers_are_exact_in_every_record(book: Books, sign: str, usage: str, digits: int) -> None:
    found = book(f"01 N PIC {sign}9({digits}) {usage}.\n")
    values = [111, 10**digits - 1, -222 if sign else 222, 0, 333]
    decoded = found.decoded(*(found.encoder.encode({"n": value}) for value in values))
    decoded.rows.validate(full=True)
    assert decoded.rows.column("n").to_pylist() == values


@pytest.mark.parametrize(
    ("clauses", "raw", "reason"),
    [
        ("9(3)", "f0c4f2", "is no zoned number"),
        ("9(3)", "f0f4d2", "is no zoned number"),
        ("S9(3)", "f0f442", "is no zoned number"),
        ("S9(3) LEADING SEPARATE", "40f0f4f2", "is no zoned number"),
        ("9(3)", "404040", "holds spaces"),
        ("9(3)", "000000", "holds low-values"),
        ("S9(3) COMP-3", "ffff", "holds high-values"),
        ("S9(3) COMP-3", "1a3c", "is no packed number"),
        ("S9(3) COMP-3", "1234", "is no packed number"),
        ("9(3) COMP-3", "123d", "is no packed number"),
        ("S9(4) COMP-3", "91234c", "is no packed number"),
        ("9(18) COMP", "8000000000000000", "is no number of an int64"),
    ],
)
def test_what_is_no_number_is_told_with_its_bytes(book: Books, clauses: str, raw: str, reason: str) -> None:
    found = book(f"01 R.\n 05 A PIC X(3).\n 05 N PIC {clauses}.\n")
    assert found.problems(b"\x40\x40\x40" + bytes.fromhex(raw)) == [f"n at offset 3: {reason} (hex {raw})"]


@pytest.mark.parametrize(
    ("raw", "value"),
    [("f0f4f2", 42), ("30347d", -40), ("303442", 42), ("30344b", -42), ("303472", -42)],
)
def test_ascii_carries_the_sign_as_transfers_and_compilers_leave_it(
    book: Books, raw: str, value: int
) -> None:
    found = book("01 N PIC S9(3).\n", code_page="cp037" if raw[0] == "f" else "ascii")
    assert found.value(bytes.fromhex(raw)) == value


@pytest.mark.parametrize(
    ("usage", "options", "raw", "value"),
    [
        ("COMP-1", {}, "c276a000", -118.625),
        ("COMP-1", {}, "00000000", 0.0),
        ("COMP-2", {}, "4110000000000000", 1.0),
        ("COMP-2", {}, "401999999999999a", 0.1),
        ("COMP-1", {"floats": "ieee"}, "c2ed4000", -118.625),
        ("COMP-2", {"floats": "ieee", "byte_order": "little"}, "000000000000f03f", 1.0),
    ],
)
def test_floats_are_hexadecimal_or_of_ieee(
    book: Books, usage: str, options: dict[str, Any], raw: str, value: float
) -> None:
    found = book(f"01 F {usage}.\n", **options)
    assert found.value(bytes.fromhex(raw)) == value
    assert found.encoder.encode({"f": value}) == bytes.fromhex(raw)


@pytest.mark.parametrize(
    ("usage", "raw"),
    [
        ("COMP-1", "7f800000"),
        ("COMP-1", "ffc00000"),
        ("COMP-2", "fff0000000000000"),
        ("COMP-2", "7ff8000000000000"),
    ],
)
def test_what_is_no_finite_number_of_ieee_is_told(book: Books, usage: str, raw: str) -> None:
    found = book(f"01 F {usage}.\n", floats="ieee")
    one = found.encoder.encode({"f": 1.5})
    decoded = found.decoded(one, bytes.fromhex(raw), one)
    assert decoded.rows.column("f").to_pylist() == [1.5, 0.0, 1.5]
    (problem,) = decoded.problems
    assert (problem.row, str(problem)) == (1, f"f at offset 0: is no finite number (hex {raw})")


def test_native_numbers_of_small_machines_are_little_endian(book: Books) -> None:
    found = book("01 R.\n 05 A PIC S9(4) COMP-5.\n 05 B PIC S9(4) COMP.\n", byte_order="little")
    assert found.row(bytes.fromhex("d6ffffd6")) == {"a": -42, "b": -42}


# -- text


def test_text_is_of_its_code_page_without_the_blanks_behind_it(book: Books) -> None:
    record = bytes.fromhex("c1ad5a40") + b"\x40\x40\x81" + bytes.fromhex("00e400200020") + b"\x01\x02"
    text = "01 R.\n 05 A PIC X(4).\n 05 B PIC X(3) JUSTIFIED RIGHT.\n 05 C PIC N(3).\n 05 D PIC X(2).\n"
    assert book(text, code_page="cp1141", binary=["d"]).row(record) == {
        "a": "AÝÜ",
        "b": "a",
        "c": "ä",
        "d": b"\x01\x02",
    }
    assert book("01 A PIC X(3).\n", trim="none").value(b"\x40\x81\x40") == " a "
    assert book("01 A PIC X(3).\n", trim="both").value(b"\x40\x81\x40") == "a"


def test_what_is_no_text_is_told(book: Books) -> None:
    found = book("01 R.\n 05 A PIC X(2).\n 05 B PIC X.\n", code_page="ascii")
    assert found.problems(b"a\xffb", b"abc", b"\x80bc") == [
        "a at offset 0: is no text in ascii (hex 61ff)",
        "a at offset 0: is no text in ascii (hex 8062)",
    ]


def test_contents_that_mean_null_are_configured(book: Books) -> None:
    nulls = {"N*": ["spaces", "zeros"], "a": ["low-values"]}
    found = book("01 R.\n 05 A PIC X(2).\n 05 N1 PIC 9(2).\n 05 N2 PIC 9(2).\n", nulls=nulls)
    assert found.row(b"\0\0" + ebcdic("  00")) == {"a": None, "n1": None, "n2": None}
    assert found.row(ebcdic("  1020")) == {"a": "", "n1": 10, "n2": 20}
    assert len(found.problems(ebcdic("  ") + b"\0\0" + ebcdic(" 1"))) == 2
    assert found.encoder.encode({"A": None, "n1": 7, "N2": None}) == b"\0\0" + ebcdic("07  ")


# -- structure

TABLES = """
01 R.
  05 ID PIC 9.
  05 T OCCURS 2 TIMES ASCENDING KEY IS K INDEXED BY I.
    10 K PIC X.
    10 V PIC 9 OCCURS 3.
  05 N PIC 9.
  05 D OCCURS 0 TO 9 TIMES DEPENDING ON N OF R.
    10 W PIC X(2).
    10 FILLER PIC X.
  05 AFTER PIC X.
"""


def test_tables_are_lists(book: Books) -> None:
    found = book(TABLES)
    assert found.row(ebcdic("1A123B4562xx-yy-Z")) == {
        "id": 1,
        "t": [{"k": "A", "v": [1, 2, 3]}, {"k": "B", "v": [4, 5, 6]}],
        "n": 2,
        "d": [{"w": "xx"}, {"w": "yy"}],
        "after": "Z",
    }
    assert found.row(ebcdic("1A123B4560Z"))["d"] == []
    assert str(found.decoder.schema.field("t").type) == "list<item: struct<k: string, v: list<item: int64>>>"


def test_problems_in_tables_have_their_offset_in_the_record(book: Books) -> None:
    records = [ebcdic("1A123B4562xx-yy-Z"), ebcdic("1A123B4x61xx-Z"), ebcdic("1A123B456?Z"), ebcdic("1A12")]
    assert book(TABLES).problems(*records) == [
        "v at offset 7: is no zoned number (hex a7)",
        "R at offset 9: n is no number; d has 0 to 9 elements (hex f1c1f1f2f3c2f4f5f66fe9)",
        "R at offset 0: the record ends after 4 bytes (hex f1c1f1f2)",
    ]
    wrong = "01 R.\n 05 N PIC 9.\n 05 D PIC 9 OCCURS 1 TO 3 DEPENDING ON N.\n"
    assert book(wrong).problems(ebcdic("212"), ebcdic("3x1y"), ebcdic("41234"), ebcdic("112")) == [
        "d at offset 1: is no zoned number (hex a7)",
        "d at offset 3: is no zoned number (hex a8)",
        "R at offset 0: n is 4; d has 1 to 3 elements (hex f4f1f2f3f4)",
        "R at offset 2: the record has 3 bytes, the copybook describes 2 (hex f1f1f2)",
    ]


def test_groups_are_columns_of_their_items_or_structs(book: Books) -> None:
    text = (
        "01 R.\n 05 HOME.\n  10 CITY PIC X.\n  10 ZIP PIC 9.\n 05 WORK.\n  10 CITY PIC X.\n"
        "  10 FILLER.\n   15 INNER PIC X.\n"
    )
    record = ebcdic("A1BC")
    assert book(text).row(record) == {"home_city": "A", "zip": 1, "work_city": "B", "inner": "C"}
    structs = {"HOME": {"CITY": "A", "ZIP": 1}, "WORK": {"CITY": "B", "INNER": "C"}}
    found = book(text, groups="struct", names="cobol")
    assert found.row(record) == structs
    assert found.encoder.encode(structs) == record


PARTIES = """
01 R.
  05 KIND PIC X.
  05 PERSON.
    10 FIRST-NAME PIC X(3).
    10 AGE PIC 9(2).
  05 COMPANY REDEFINES PERSON.
    10 TITLE PIC X(4).
    10 STAFF PIC 9(1).
  05 RAW REDEFINES PERSON PIC X(6).
  05 LAST-ONE PIC X.
"""


def test_of_items_that_redefine_each_other_a_condition_chooses(book: Books) -> None:
    rule = {"PERSON": {"KIND": "P"}, "COMPANY": {"kind": ["C", "D"]}, "none": {"KIND": "N"}}
    found = book(PARTIES, redefines={"PERSON": rule})
    records = [
        ebcdic("PJOE42 x"),
        ebcdic("CACME7  x")[:8],
        ebcdic("NACMEx x"),
        ebcdic("?ACMEx x"),
        ebcdic("PJOExx x"),
    ]
    decoded = found.decoded(*records)
    rows = [
        {name: value for name, value in row.items() if value is not None} for row in decoded.rows.to_pylist()
    ]
    assert rows[0] == {"kind": "P", "first_name": "JOE", "age": 42, "last_one": "x"}
    assert rows[1] == {"kind": "C", "title": "ACME", "staff": 7, "last_one": " ".strip()}
    assert rows[2] == {"kind": "N", "last_one": "x"}
    assert [problem.row for problem in decoded.problems] == [3, 4]
    assert "PERSON at offset 1: no condition tells" in str(decoded.problems[0])
    assert "age at offset 4" in str(decoded.problems[1])


@pytest.mark.parametrize(
    "text", [TABLES, PARTIES, "01 R.\n 05 A PIC N.\n 05 B COMP-1.\n 05 C PIC S9(30) COMP-3.\n"]
)
def test_of_no_records_there_are_no_rows(book: Books, text: str) -> None:
    rule = {"PERSON": {"KIND": "P"}, "RAW": {}}
    found = book(text, redefines={"PERSON": rule} if text == PARTIES else {})
    for decoded in (found.decoded(), found.decoder.fixed(b"")):
        assert (decoded.rows.num_rows, decoded.problems, decoded.rows.schema) == (0, [], found.decoder.schema)
    assert found.decoder.fulfil([], ()).to_pylist() == []


def test_one_of_them_can_be_chosen_for_all(book: Books) -> None:
    record = ebcdic("PJOE42 x")
    assert book(PARTIES, redefines={"*": "first"}).row(record)["age"] == 42
    assert book(PARTIES, redefines={"person": "raw"}).row(record)["raw"] == "JOE42"
    with pytest.raises(ConfigError, match="there is no OTHER; it is one of PERSON, COMPANY, RAW, none"):
        book(PARTIES, redefines={"PERSON": "OTHER"})
    with pytest.raises(ConfigError, match="nothing redefines KIND"):
        book(PARTIES, redefines={"KIND": "RAW", "*": "first"})
    with pytest.raises(ConfigError, match="no item SORT to decide by"):
        book(PARTIES, redefines={"PERSON": {"RAW": {"SORT": 1}}})


def test_variants_in_tables_are_chosen_element_by_element(book: Books) -> None:
    text = (
        "01 R.\n 05 MODE PIC 9.\n 05 T OCCURS 2.\n  10 K PIC X.\n  10 A PIC X(2).\n"
        "  10 B REDEFINES A PIC 9(2).\n"
    )
    record = ebcdic("1NxxT12")
    by_element = book(text, redefines={"A": {"B": {"K": "T"}, "A": {}}})
    assert by_element.row(record)["t"] == [{"k": "N", "a": "xx", "b": None}, {"k": "T", "a": None, "b": 12}]
    by_record = book(text, redefines={"A": {"A": {"MODE": 1}, "B": {}}})
    assert by_record.row(record)["t"][1] == {"k": "T", "a": "12", "b": None}


def test_variants_within_variants_decide_by_any_item_of_the_record(book: Books) -> None:
    text = (
        "01 R.\n 05 K PIC X.\n 05 L PIC X.\n 05 N PIC 9.\n 05 T PIC X OCCURS 0 TO 3 DEPENDING ON N.\n"
        " 05 A.\n  10 B PIC X(2).\n  10 C REDEFINES B PIC 9(2).\n 05 D REDEFINES A PIC X(2).\n"
    )
    found = book(text, redefines={"A": {"A": {"K": "A"}, "D": {}}, "B": {"B": {"L": "B"}, "C": {}}})
    decoded = found.decoded(ebcdic("DB0x1"), ebcdic("AB1txx"), ebcdic("AC0x1"), ebcdic("AC3ttt42"))
    assert [[row["b"], row["c"], row["d"]] for row in decoded.rows.to_pylist()] == [
        [None, None, "x1"],
        ["xx", None, None],
        [None, 0, None],
        [None, 42, None],
    ]
    assert [str(problem) for problem in decoded.problems] == ["c at offset 3: is no zoned number (hex a7f1)"]


COUNTERS = """
01 R.
  05 A.
    10 CNT PIC 9.
  05 B.
    10 X.
      15 CNT PIC 9.
  05 T PIC X OCCURS 0 TO 9 DEPENDING ON {}.
"""


@pytest.mark.parametrize(
    ("counter", "elements"),
    [("CNT OF A", ["t"]), ("cnt in a of r", ["t"]), ("CNT OF B", ["t", "u"]), ("CNT IN X OF R", ["t", "u"])],
)
def test_a_table_depends_on_the_counter_of_the_group_that_is_named(
    book: Books, counter: str, elements: list[str]
) -> None:
    record = ebcdic(f"12{''.join(elements)}")
    assert book(COUNTERS.format(counter)).row(record) == {"a_cnt": 1, "x_cnt": 2, "t": elements}


@pytest.mark.parametrize(
    ("counter", "told"),
    [
        (
            "CNT",
            "T depends on CNT, which is there twice; DEPENDING ON CNT OF A or DEPENDING ON CNT OF X OF B",
        ),
        ("CNT OF R", "T depends on CNT OF R, which is there twice"),
        ("CNT OF C", "T depends on CNT OF C, which is no item before it"),
    ],
)
def test_a_counter_that_may_be_several_items_is_a_mistake(book: Books, counter: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        book(COUNTERS.format(counter))


@pytest.mark.parametrize("groups", ["flat", "struct"])
def test_a_condition_names_one_item_alone(book: Books, groups: str) -> None:
    text = (
        "01 R.\n 05 A.\n  10 KIND PIC X.\n 05 B.\n  10 KIND PIC X.\n"
        " 05 P PIC 9(2).\n 05 Q REDEFINES P PIC X(2).\n"
    )
    for name, chosen in (("a_kind", "p"), ("B-KIND", "q")):
        row = book(text, groups=groups, redefines={"P": {"P": {name: "N"}, "Q": {}}}).row(ebcdic("NX12"))
        assert [column for column in ("p", "q") if row[column] is not None] == [chosen]
    with pytest.raises(ConfigError, match=r"several items KIND to decide by; name one: A-KIND \| B-KIND"):
        book(text, groups=groups, redefines={"P": {"P": {"KIND": "N"}, "Q": {}}})


def test_synchronized_items_stand_where_the_machine_wants_them(book: Books) -> None:
    text = (
        "01 R.\n 05 A PIC X.\n 05 B PIC S9(4) COMP SYNC.\n 05 C PIC X.\n 05 D COMP-2 SYNCHRONIZED RIGHT.\n"
        " 05 T OCCURS 2.\n  10 E PIC S9(9) COMP SYNC.\n  10 F PIC X.\n"
    )
    found = book(text)
    offsets = {leaf.label: leaf.offset for leaf in found.layout.row.leaves()}
    assert offsets == {"a": 0, "b": 2, "c": 4, "d": 8}
    assert found.layout.row.width == 16 + 2 * 8


ALIGNED = " 05 AMOUNT PIC S9(9) COMP SYNC.\n"
ALIGNED_GROUP = " 05 AMOUNT.\n  10 N PIC S9(9) COMP SYNC.\n"
REDEFINED = "01 R.\n 05 KIND PIC X.\n{} 05 AMOUNT-X REDEFINES AMOUNT PIC X(4).\n 05 REST PIC X(2).\n"


@pytest.mark.parametrize("amount", [ALIGNED, ALIGNED_GROUP])
def test_a_redefinition_begins_where_the_redefined_item_does(book: Books, amount: str) -> None:
    cases = {"AMOUNT": {"AMOUNT": {"KIND": "N"}, "AMOUNT-X": {"KIND": "T"}}}
    found = book(REDEFINED.format(amount), redefines=cases)
    record = ebcdic("T   ABCDZZ")
    row = found.row(record)
    assert (row["amount_x"], row["rest"]) == ("ABCD", "ZZ")
    assert found.encoder.encode(row) == record
    assert found.row(ebcdic("N   ") + (1234).to_bytes(4) + ebcdic("ZZ"))["rest"] == "ZZ"


@pytest.mark.parametrize("rule", [{"A": {"T": {}}}, {"A": "T"}], ids=["by a condition", "always"])
def test_an_item_without_others_in_it_may_be_a_table_that_redefines(book: Books, rule: Any) -> None:
    text = "01 R.\n 05 A PIC X(4).\n 05 T REDEFINES A PIC XX OCCURS 2 TIMES.\n"
    assert book(text, redefines=rule).row(ebcdic("ABCD")) == {"a": None, "t": ["AB", "CD"]}


def test_a_table_that_varies_has_one_element_at_least_where_its_least_number_is_not_told(book: Books) -> None:
    found = book("01 R.\n 05 N PIC 9.\n 05 T PIC X OCCURS 3 TIMES DEPENDING ON N.\n")
    assert found.row(ebcdic("2AB")) == {"n": 2, "t": ["A", "B"]}


def test_nothing_is_inserted_before_a_redefinition(book: Books) -> None:
    text = "01 R.\n 05 KIND PIC X.\n 05 A PIC X(4).\n 05 B REDEFINES A PIC S9(9) COMP SYNC.\n"
    found = book(text, redefines={"A": "B"})
    assert found.row(ebcdic("K") + (7).to_bytes(4))["b"] == 7


def test_what_is_inserted_before_a_table_is_no_part_of_its_rows(book: Books) -> None:
    found = book("01 R.\n 05 A PIC X.\n 05 T OCCURS 2.\n  10 E PIC S9(9) COMP SYNC.\n  10 F PIC X.\n")
    assert found.layout.row.width == 4 + 2 * 8


# -- encoding


def test_what_a_request_leaves_out_is_blank_or_zero(book: Books) -> None:
    found = book("01 R.\n 05 A PIC X(2).\n 05 B PIC S9(3) COMP-3.\n 05 C PIC 9(2).\n 05 FILLER PIC X.\n")
    assert found.encoder.encode({"C": "7"}) == ebcdic("  ") + b"\x00\x0c" + ebcdic("07 ")


def test_a_tables_counter_counts(book: Books) -> None:
    values = {"id": 1, "t": [{"k": "A", "v": [1]}], "d": [{"w": "xx"}], "after": "Z"}
    assert book(TABLES).encoder.encode(values) == ebcdic("1A100 0001xx Z")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"A": "abc"}, "a cannot be abc: it has 2 bytes"),
        ({"A": "€"}, "a cannot be €: '€' is not in cp037"),
        ({"B": "1000"}, "b cannot be 1000: it has 3 digits"),
        ({"B": "1.5"}, "b cannot be 1.5: it has decimals beyond its picture's"),
        ({"B": "x"}, "b cannot be x: it is not of its type"),
        ({"C": -1}, "c cannot be -1: it has no sign"),
        ({"X": 1}, "there is no item X; there are a, b, c"),
    ],
)
def test_what_does_not_fit_a_request_is_refused(book: Books, values: dict[str, Any], told: str) -> None:
    found = book("01 R.\n 05 A PIC X(2).\n 05 B PIC S9(3) COMP-3.\n 05 C PIC 9(2).\n")
    with pytest.raises(ValueError, match=re.escape(told)):
        found.encoder.encode(values)


# -- options


@pytest.mark.parametrize(
    "options",
    [
        {"code_page": "cp9999"},
        {"code_page": "utf-16"},
        {"redefines": {"A": {"B": {"C": True}}}},
        {"nulls": {"A": ["blanks"]}},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RecordOptions.model_validate(options)
