"""RFC_READ_TABLE and its successors: their limits, their errors, and how values look."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from bridge.testing.sap import tables
from bridge.testing.sap.abap import Field, Structure, Table, Type, char, numc
from bridge.testing.sap.company import Company
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.modules import Session
from bridge.testing.sap.system import System

ROW = Structure(
    "ZORDER",
    (
        Field("MANDT", Type("CLNT"), key=True),
        Field("VBELN", char(10), key=True, text="Order"),
        Field("POSNR", numc(6), key=True),
        Field("ERDAT", Type("DATS")),
        Field("NETWR", Type("CURR", 5, 2)),
        Field("COUNT", Type("INT4")),
        Field("GUID", Type("RAW", 4)),
        Field("TEXT", char(40)),
        Field("STAMP", Type("DEC", 15, 0, name="TIMESTAMP")),
        Field("LONG", Type("DEC", 21, 7, name="TIMESTAMPL")),
        Field("CLOCK", Type("TIMS")),
        Field("RATE", Type("FLTP")),
    ),
)
CLASSIC, MODERN = "750", "758"
BOTH = pytest.mark.parametrize("release", [CLASSIC, MODERN])


def made(release: str = MODERN) -> System:
    system = System(release=release)
    system.define(Table(ROW))
    system.load(
        "ZORDER",
        (
            {
                "VBELN": f"{number // 3:010}",
                "POSNR": number % 3,
                "ERDAT": f"202601{number % 28 + 1:02}",
                "NETWR": Decimal(number * 5 - 20),
                "COUNT": number - 10,
                "GUID": number.to_bytes(4),
                "TEXT": f"it's | number {number}",
                "STAMP": 20260101000000 + number,
                "LONG": 20260101000000 + number,
                "CLOCK": f"1200{number:02}",
                "RATE": number / 4,
            }
            for number in range(30)
        ),
    )
    return system


def read(system: System, *where: str, fields: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    asked = {
        "QUERY_TABLE": "ZORDER",
        "OPTIONS": [{"TEXT": line} for line in where],
        "FIELDS": [{"FIELDNAME": name} for name in fields],
    }
    function = more.pop("function", "RFC_READ_TABLE")
    return system.invoke(function, asked | more)


def values(answer: dict[str, Any]) -> list[dict[str, str]]:
    """Cut by OFFSET and LENGTH, in the order of their texts."""
    places = {row["FIELDNAME"]: (int(row["OFFSET"]), int(row["LENGTH"])) for row in answer["FIELDS"]}
    rows = sorted(row["WA"] for row in answer["DATA"])
    return [{name: row[start : start + length] for name, (start, length) in places.items()} for row in rows]


def counts(system: System, *where: str, **more: Any) -> list[int]:
    told = values(read(system, *where, fields=["COUNT"], **more))
    return sorted(
        int(row["COUNT"].strip()[::-1].replace("-", "", 1)[::-1]) * (-1 if "-" in row["COUNT"] else 1)
        for row in told
    )


class TestFields:
    @BOTH
    def test_fields_tell_where_each_value_stands(self, release: str) -> None:
        answer = read(made(release), fields=["POSNR", "TEXT"], DELIMITER="|", NO_DATA="X")
        assert answer["DATA"] == []
        assert [
            (row["FIELDNAME"], row["OFFSET"], row["LENGTH"], row["TYPE"]) for row in answer["FIELDS"]
        ] == [
            ("POSNR", "000000", "000006", "N"),
            ("TEXT", "000007", "000040", "C"),
        ]

    def test_without_fields_all_are_read(self) -> None:
        assert len(read(made(), NO_DATA="X")["FIELDS"]) == len(ROW.fields)

    def test_a_delimiter_may_be_in_the_data(self) -> None:
        (row,) = values(read(made(), "COUNT = -10", fields=["TEXT", "POSNR"], DELIMITER="|"))
        assert row["TEXT"].rstrip() == "it's | number 0"
        assert row["POSNR"] == "000000"

    @pytest.mark.parametrize(
        ("release", "key"), [(CLASSIC, "FIELD_NOT_VALID"), (MODERN, "TABLE_WITHOUT_DATA")]
    )
    def test_a_field_that_is_not_there_is_refused(self, release: str, key: str) -> None:
        with pytest.raises(AbapException) as refused:
            read(made(release), fields=["NOSUCH"])
        assert refused.value.key == key

    def test_a_character_beyond_the_basic_plane_takes_two_places(self) -> None:
        system = made()
        with system.transaction() as transaction:
            transaction.insert("ZORDER", {"VBELN": "X", "TEXT": "𝄞a"})
        (row,) = read(system, "VBELN = 'X'", fields=["TEXT", "POSNR"])["DATA"]
        assert row["WA"] == "𝄞a" + " " * 37 + "000000"

    def test_beside_such_a_one_the_replacement_character_is_no_blank(self) -> None:
        system = made()
        with system.transaction() as transaction:
            transaction.insert("ZORDER", {"VBELN": "X", "TEXT": "\ufffd𝄞"})
        (row,) = read(system, "VBELN = 'X'", fields=["TEXT", "POSNR"])["DATA"]
        assert row["WA"] == "\ufffd𝄞" + " " * 37 + "000000"


class TestValues:
    def test_packed_numbers_have_their_sign_behind(self) -> None:
        (row,) = values(read(made(), "COUNT = -10", fields=["NETWR", "COUNT", "GUID", "ERDAT", "STAMP"]))
        assert row["NETWR"] == "  20.00-"[-7:]
        assert row["COUNT"] == "       10-"
        assert row["ERDAT"] == "20260101"

    def test_the_classic_reader_has_no_room_for_sign_and_point(self) -> None:
        system = made(CLASSIC)
        with system.transaction() as transaction:
            transaction.insert("ZORDER", {"VBELN": "X", "NETWR": "-123.45", "COUNT": 1})
        (row,) = values(read(system, "VBELN = 'X'", fields=["NETWR"]))
        assert row["NETWR"] == "*.45-"

    def test_the_modern_reader_has(self) -> None:
        system = made()
        with system.transaction() as transaction:
            transaction.insert("ZORDER", {"VBELN": "X", "NETWR": "-123.45"})
        (row,) = values(read(system, "VBELN = 'X'", fields=["NETWR"]))
        assert row["NETWR"] == "123.45-"

    @BOTH
    def test_half_of_a_byte_string_is_lost(self, release: str) -> None:
        (row,) = values(read(made(release), "COUNT = 5", fields=["GUID"]))
        assert row["GUID"] == "0000"

    def test_a_time_stamp_has_room_for_its_digits_alone(self) -> None:
        (row,) = values(read(made(), "COUNT = 5", fields=["STAMP", "LONG"]))
        assert (row["STAMP"], row["LONG"]) == ("20260101000015", "20260101000015.0000000")


class TestLimits:
    @BOTH
    def test_rows_are_as_wide_as_data_and_no_wider(self, release: str) -> None:
        system = System(release=release)
        tables.load_wide(system, 3, width=512)
        names = [each.name for each in tables.wide().row.fields if each.name != "MANDT"]
        fields = [{"FIELDNAME": name} for name in names]
        asked = {"QUERY_TABLE": "ZBRIDGE_WIDE", "FIELDS": fields}
        assert {len(row["WA"]) for row in system.invoke("RFC_READ_TABLE", asked)["DATA"]} == {512}
        fields.append({"FIELDNAME": "MANDT"})
        with pytest.raises(AbapException) as refused:
            system.invoke("RFC_READ_TABLE", asked)
        assert refused.value.key == "DATA_BUFFER_EXCEEDED"
        assert (refused.value.message_class, refused.value.number) == ("AD", "559")
        assert refused.value.values == ("ZBRIDGE_WIDE", "512")
        assert system.invoke("RFC_READ_TABLE", asked | {"NO_DATA": "X"})["DATA"] == []

    def test_the_modern_reader_minds_the_width_once_there_is_a_row(self) -> None:
        for release, fails in ((CLASSIC, True), (MODERN, False)):
            system = System(release=release)
            system.define(tables.wide(width=600))
            if fails:
                with pytest.raises(AbapException):
                    system.invoke("RFC_READ_TABLE", {"QUERY_TABLE": "ZBRIDGE_WIDE"})
            else:
                assert system.invoke("RFC_READ_TABLE", {"QUERY_TABLE": "ZBRIDGE_WIDE"})["DATA"] == []

    def test_the_classic_reader_dumps_at_strings_whatever_the_fields(self) -> None:
        system = System(release=CLASSIC)
        system.define(tables.with_strings())
        with pytest.raises(ShortDump) as dumped:
            system.invoke(
                "RFC_READ_TABLE", {"QUERY_TABLE": "ZBRIDGE_STRINGS", "FIELDS": [{"FIELDNAME": "ID"}]}
            )
        assert dumped.value.key == "ASSIGN_CASTING_ILLEGAL_CAST"

    def test_the_modern_reader_leaves_them_out(self) -> None:
        system = System()
        system.define(tables.with_strings())
        answer = system.invoke("RFC_READ_TABLE", {"QUERY_TABLE": "ZBRIDGE_STRINGS"})
        assert [row["FIELDNAME"] for row in answer["FIELDS"]] == ["MANDT", "ID", "NAME"]

    def test_nobody_reads_what_he_may_not(self) -> None:
        system = made()
        system.grants.denied_tables.add("ZORD*")
        with pytest.raises(AbapException) as refused:
            read(system)
        assert refused.value.key == "NOT_AUTHORIZED"
        assert refused.value.values == ("ZORDER",)

    def test_a_right_to_the_group_of_tables_is_enough(self) -> None:
        system = made()
        system.grants.tables.clear()
        system.grants.table_groups.add("&NC&")
        assert len(read(system, fields=["COUNT"])["DATA"]) == 30

    @pytest.mark.parametrize(
        ("table", "key"), [("NOSUCH", "TABLE_NOT_AVAILABLE"), ("DFIES", "TABLE_WITHOUT_DATA")]
    )
    def test_what_is_no_table_is_not_read(self, table: str, key: str) -> None:
        with pytest.raises(AbapException) as refused:
            System().invoke("RFC_READ_TABLE", {"QUERY_TABLE": table})
        assert refused.value.key == key


class TestOptions:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ([], 30),
            (["COUNT > 15"], 4),
            (["COUNT GT '15'"], 4),
            (["COUNT BETWEEN -2 AND 2"], 5),
            (["NOT COUNT BETWEEN -2 AND 2"], 25),
            (["COUNT IN (1,2, 3 )"], 3),
            (["COUNT NOT IN ( 1 , 2 )"], 28),
            (["NETWR = '10.00-'"], 1),
            (["NETWR <> '-10'"], 29),
            (["VBELN = '0000000001' AND POSNR = '1'"], 1),
            (["( VBELN = '0000000001'", "OR VBELN = '0000000002' )", "AND POSNR > '000000'"], 4),
            (["VBELN = '0000000001' OR VBELN = '0000000002' AND POSNR = '000001'"], 4),
            (["TEXT LIKE 'it''s _ number 1_'"], 10),
            (["TEXT NOT LIKE '%1%'"], 18),
            (["TEXT LIKE 'it#%' ESCAPE '#'"], 0),
            (["ERDAT = ' '"], 0),
            (["ERDAT >= '20260128'"], 1),
            (["CLOCK >= '120028' AND NOT CLOCK = ' '"], 2),
            (["RATE <= '0.5' OR RATE = '7.25'"], 4),
            (["COUNT IN (1,2) AND ERDAT IN ('20260112')"], 1),
            (["ERDAT > ' ' AND ERDAT > '00000000'"], 30),
            (["GUID = '00000005'"], 1),
            (["TEXT IS NOT NULL AND TEXT IS NOT INITIAL"], 30),
            (["TEXT IS NULL OR ZORDER~COUNT = COUNT"], 30),
            (["VBELN > '0000000008' AND ( VBELN > '0000000009'", "OR POSNR > '000001' )"], 1),
        ],
    )
    @pytest.mark.parametrize("function", ["BBP_RFC_READ_TABLE", "RFC_READ_TABLE"])
    def test_conditions_select(self, lines: list[str], expected: int, function: str) -> None:
        assert len(read(made(), *lines, fields=["VBELN", "POSNR"], function=function)["DATA"]) == expected

    @pytest.mark.parametrize(
        "lines",
        [
            ["COUNT"],
            ["COUNT ="],
            ["COUNT = 1 AND"],
            ["COUNT == 1"],
            ["COUNT=1"],
            ["COUNT =1"],
            ["COUNT = 1 b"],
            ["COUNT = TEXT"],
            ["(COUNT = 1)"],
            ["( COUNT = 1"],
            ["COUNT = 1 )"],
            ["( COUNT = 1 )AND COUNT = 1"],
            ["TEXT = 'open"],
            ["TEXT LIKE COUNT"],
            ["COUNT LIKE '1'"],
            ["COUNT IN 1"],
            ["COUNT BETWEEN 1"],
            ["COUNT IS 1"],
            ["COUNT = 1;"],
            ["POSNR = 1"],
            ["TEXT = 'over the", "end of the line'"],
            ["COUNT = 1".ljust(69) + "AND", "COUNT = 1"],
        ],
    )
    def test_what_is_no_condition_is_refused(self, lines: list[str]) -> None:
        with pytest.raises(AbapException) as refused:
            read(made(), *lines)
        assert (refused.value.key, refused.value.message_class) == ("OPTION_NOT_VALID", "SAIS")
        with pytest.raises(ShortDump) as dumped:
            read(made(CLASSIC), *lines)
        assert dumped.value.key == "SAPSQL_PARSE_ERROR"

    @pytest.mark.parametrize("lines", [["NOSUCH = 1"], ["COUNT = COUNT2"], ["COU", "NT = 1"]])
    def test_a_column_that_is_not_there_is_refused(self, lines: list[str]) -> None:
        with pytest.raises(AbapException, match="is no column of ZORDER"):
            read(made(), *lines)
        with pytest.raises(ShortDump) as dumped:
            read(made(CLASSIC), *lines)
        assert dumped.value.key == "SAPSQL_INVALID_FIELDNAME"

    @pytest.mark.parametrize(
        "line",
        ["TEXT = 'a|b'", "TEXT = '{'", "TEXT = 'the left side'", "TEXT LIKE '%SELECT %'", "COUNT = 1 ) ("],
    )
    def test_the_modern_reader_suspects_words_and_signs_even_in_literals(self, line: str) -> None:
        with pytest.raises(AbapException) as refused:
            read(made(), line)
        assert refused.value.key == "OPTION_NOT_VALID"

    @pytest.mark.parametrize(
        "line",
        [
            "POSNR = '1234567'",
            "POSNR = '12x'",
            "ERDAT = '20260231'",
            "ERDAT >= '2026'",
            "NETWR = 'x'",
            "NETWR > 'NaN'",
            "GUID = '0'",
            "GUID = '0000000000'",
            "CLOCK = '1200'",
            "CLOCK < '12:00:'",
            "RATE < 'Infinity'",
        ],
    )
    @BOTH
    def test_a_value_that_does_not_fit_is_a_runtime_error(self, line: str, release: str) -> None:
        with pytest.raises(ShortDump) as dumped:
            read(made(release), line)
        assert dumped.value.key == "SAPSQL_DATA_LOSS"

    def test_a_line_ends_after_72_characters(self) -> None:
        text = "COUNT = 1 OR COUNT = 2 OR COUNT = 3 OR COUNT = 4 OR COUNT = 5 OR COUNT ="
        assert len(text) == 72
        with pytest.raises(AbapException):
            read(made(), text + " 6")
        assert counts(made(), "COUNT = 1", "OR", "COUNT = 2") == [1, 2]
        assert counts(made(), text, " 6") == [1, 2, 3, 4, 5, 6]


class TestRows:
    def test_rows_come_in_no_order_but_all_of_them(self) -> None:
        system = made()
        first, second = (
            [row["WA"] for row in read(system, fields=["VBELN", "POSNR"])["DATA"]] for _ in range(2)
        )
        assert first != second
        assert sorted(first) == sorted(second)
        assert len(set(first)) == 30

    def test_a_number_of_rows_is_any_of_them(self) -> None:
        system = made()
        seen = {row["WA"] for _ in range(50) for row in read(system, fields=["COUNT"], ROWCOUNT=2)["DATA"]}
        assert len(seen) > 10

    def test_sorted_rows_can_be_skipped(self) -> None:
        system = made()
        whole = [row["WA"] for row in read(system, fields=["VBELN", "POSNR"], GET_SORTED="X")["DATA"]]
        assert whole == sorted(whole)
        part = read(system, fields=["VBELN", "POSNR"], GET_SORTED="X", ROWSKIPS=5, ROWCOUNT=4)["DATA"]
        assert [row["WA"] for row in part] == whole[5:9]

    def test_the_classic_interface_cannot_sort(self) -> None:
        with pytest.raises(ShortDump) as refused:
            read(made(CLASSIC), GET_SORTED="X")
        assert refused.value.key == "CALL_FUNCTION_PARM_UNKNOWN"

    def test_a_tidy_database_gives_them_in_the_order_of_the_key(self) -> None:
        system = made()
        system.disorder = None
        rows = [row["WA"] for row in read(system, fields=["VBELN", "POSNR"])["DATA"]]
        assert rows == sorted(rows)

    def test_rows_of_other_clients_are_not_there(self) -> None:
        asked = {"QUERY_TABLE": "ZORDER"}
        assert made().invoke("RFC_READ_TABLE", asked, Session(client="200"))["DATA"] == []

    def test_a_range_of_keys_is_found_among_many_rows(self) -> None:
        system = System()
        tables.load_wide(system, 5_000, width=100)
        where = [{"TEXT": "K > '0000001000' AND K <= '0000001010'"}]
        asked = {"QUERY_TABLE": "ZBRIDGE_WIDE", "OPTIONS": where, "FIELDS": [{"FIELDNAME": "K"}]}
        found = sorted(row["WA"] for row in system.invoke("RFC_READ_TABLE", asked)["DATA"])
        assert found == [f"{number:010}" for number in range(1001, 1011)]


class TestCatalog:
    @pytest.mark.parametrize("table", ["DD17S", "TDDAT", "T000", "CVERS", "TTZCU", "DD40L", "TFDIR"])
    def test_what_the_system_says_of_itself_can_be_read(self, table: str) -> None:
        system = Company(customers=1).system
        answer = system.invoke("RFC_READ_TABLE", {"QUERY_TABLE": table})
        assert len(answer["DATA"]) == len(system.rows(table)) > 0

    def test_clients_are_told_to_every_client(self) -> None:
        answer = System().invoke("RFC_READ_TABLE", {"QUERY_TABLE": "T000"})
        assert {row["WA"][:3] for row in answer["DATA"]} == {"000", "100"}


class TestOtherReaders:
    @pytest.mark.parametrize("space", ["/BODS/", "/SAPDS/"])
    def test_the_narrowest_table_that_holds_the_rows_has_them(self, space: str) -> None:
        system = System()
        tables.load_wide(system, 3, width=600)
        asked = {"QUERY_TABLE": "ZBRIDGE_WIDE"}
        whole = system.invoke(f"{space}RFC_READ_TABLE2", asked)
        assert whole["OUT_TABLE"] == "TBLOUT2048"
        assert {len(row["WA"]) for row in whole["TBLOUT2048"]} == {603}
        assert whole["TBLOUT512"] == []
        narrow = system.invoke(f"{space}RFC_READ_TABLE2", asked | {"FIELDS": [{"FIELDNAME": "K"}]})
        assert (narrow["OUT_TABLE"], len(narrow["TBLOUT128"])) == ("TBLOUT128", 3)

    @pytest.mark.parametrize("function", ["BBP_RFC_READ_TABLE", "Z_RFC_READ_TABLE"])
    def test_copies_read_as_the_classic_one(self, function: str) -> None:
        with pytest.raises(AbapException) as refused:
            read(made(), fields=["NOSUCH"], function=function)
        assert refused.value.key == "FIELD_NOT_VALID"

    def test_rows_of_any_length_come_as_strings(self) -> None:
        system = System()
        tables.load_wide(system, 2, width=600)
        answer = system.invoke("RFC_READ_TABLE", {"QUERY_TABLE": "ZBRIDGE_WIDE", "USE_ET_DATA_4_RETURN": "X"})
        assert answer["DATA"] == []
        assert {len(row["LINE"]) for row in answer["ET_DATA"]} == {603}
