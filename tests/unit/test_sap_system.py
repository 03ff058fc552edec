"""The simulated ABAP system: transactions, change documents, pointers, rights, clock, and its functions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.testing.sap.abap import (
    Direction,
    Field,
    Function,
    Parameter,
    Structure,
    Table,
    Type,
    char,
    initial,
)
from bridge.testing.sap.change_documents import ObjectClass
from bridge.testing.sap.company import Company
from bridge.testing.sap.customers import Customers, update
from bridge.testing.sap.deep import FLAT, flat, order
from bridge.testing.sap.errors import AbapException, Locked, Misuse, ShortDump
from bridge.testing.sap.modules import Session
from bridge.testing.sap.pointers import Message
from bridge.testing.sap.system import System
from bridge.testing.sap.texts import moved
from bridge.testing.sap.values import canonical

ROW = Structure(
    "ZSTOCK",
    (
        Field("MANDT", Type("CLNT"), key=True),
        Field("MATNR", char(18), key=True),
        Field("WERKS", char(4), key=True),
        Field("MENGE", Type("QUAN", 13, 3), reference=("ZSTOCK", "MEINS")),
        Field("MEINS", Type("UNIT", 3)),
        Field("TOUCHED", Type("DATS"), logged=False),
    ),
)
A, B = {"MATNR": "A", "WERKS": "1000"}, {"MATNR": "B", "WERKS": "1000"}


@pytest.fixture
def system() -> System:
    made = System()
    made.define(Table(ROW))
    return made


def quantities(system: System) -> dict[str, Decimal]:
    return {row["MATNR"]: row["MENGE"] for row in system.rows("ZSTOCK")}


class TestTransactions:
    def test_rows_are_seen_by_others_at_commit_alone(self, system: System) -> None:
        transaction = system.transaction()
        transaction.insert("ZSTOCK", A | {"MENGE": 5})
        assert quantities(system) == {}
        assert transaction.row("ZSTOCK", A) is not None
        transaction.commit()
        assert quantities(system) == {"A": Decimal("5.000")}

    def test_a_rollback_and_an_exception_leave_nothing(self, system: System) -> None:
        transaction = system.transaction()
        transaction.insert("ZSTOCK", A)
        transaction.rollback()
        failing = system.transaction()
        with suppress(ZeroDivisionError), failing:
            failing.insert("ZSTOCK", B)
            raise ZeroDivisionError
        assert quantities(system) == {}
        with pytest.raises(Misuse):
            failing.insert("ZSTOCK", B)

    def test_two_transactions_never_change_one_row_at_a_time(self, system: System) -> None:
        system.load("ZSTOCK", [A, B])
        first, second = system.transaction(), system.transaction()
        first.update("ZSTOCK", A | {"MENGE": 1})
        second.update("ZSTOCK", B | {"MENGE": 2})
        with pytest.raises(Locked):
            second.update("ZSTOCK", A | {"MENGE": 3})
        first.commit()
        second.update("ZSTOCK", A | {"MENGE": 3})
        second.commit()
        assert quantities(system) == {"A": 3, "B": 2}

    def test_a_key_is_used_again_after_a_delete(self, system: System) -> None:
        system.load("ZSTOCK", [A | {"MENGE": 1}])
        with system.transaction() as transaction:
            transaction.delete("ZSTOCK", A)
            transaction.insert("ZSTOCK", A | {"MENGE": 2})
        assert quantities(system) == {"A": 2}

    def test_what_is_there_is_not_inserted_and_what_is_not_there_not_changed(self, system: System) -> None:
        system.load("ZSTOCK", [A])
        with system.transaction() as transaction:
            for change, table, row in (
                (transaction.insert, "ZSTOCK", A),
                (transaction.update, "ZSTOCK", B),
                (transaction.delete, "ZSTOCK", B),
                (transaction.update, "ZSTOCK", {"MATNR": "A"}),
                (transaction.update, "ZSTOCK", A | {"NOSUCH": "1"}),
                (transaction.insert, "ZSTOCK", B | {"MENGE": "1" + "0" * 11}),
                (transaction.insert, "NOSUCH", A),
            ):
                with pytest.raises(Misuse):
                    change(table, row)

    def test_modify_inserts_or_updates(self, system: System) -> None:
        with system.transaction() as transaction:
            transaction.modify("ZSTOCK", A | {"MENGE": 1})
            transaction.modify("ZSTOCK", A | {"MENGE": 2})
            transaction.commit()
        assert quantities(system) == {"A": 2}

    @pytest.mark.parametrize(
        ("type_", "value"),
        [
            ("CHAR", "12345"),
            ("NUMC", "12345"),
            ("NUMC", "x"),
            ("DATS", "2026"),
            ("TIMS", "12"),
            ("DEC", "123456"),
            ("INT1", 256),
            ("INT2", -32_769),
            ("INT4", 2**31),
            ("RAW", b"12345"),
        ],
    )
    def test_no_value_is_stored_that_does_not_fit(self, type_: str, value: object) -> None:
        with pytest.raises(Misuse):
            canonical(Type(type_, 4), value)

    def test_clients_do_not_see_each_other(self, system: System) -> None:
        with system.transaction(client="200") as transaction:
            transaction.insert("ZSTOCK", A)
        assert system.rows("ZSTOCK") == []
        assert len(system.rows("ZSTOCK", client="200")) == 1

    def test_commits_of_many_threads_are_all_there(self, system: System) -> None:
        def work(server: int) -> None:
            for number in range(50):
                with system.transaction(server=server) as transaction:
                    transaction.insert("ZSTOCK", {"MATNR": f"{server}-{number}", "WERKS": "1"})
                    transaction.document("STOCK", f"{server}-{number}")

        threads = [Thread(target=work, args=(server,)) for server in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        numbers = [row["CHANGENR"] for row in system.rows("CDHDR")]
        assert len(system.rows("ZSTOCK")) == len(set(numbers)) == 150


class TestChangeDocuments:
    def test_a_change_tells_old_and_new_values_of_logged_fields(self, system: System) -> None:
        system.load("ZSTOCK", [A | {"MENGE": "1.5", "MEINS": "KG"}])
        with system.transaction(user="SMITH", tcode="MB01") as transaction:
            transaction.update("ZSTOCK", A | {"MENGE": "-20", "MEINS": "LB", "TOUCHED": "20260101"})
            number = transaction.document("STOCK", "A")
        (header,) = system.rows("CDHDR")
        items = {row["FNAME"]: row for row in system.rows("CDPOS")}
        assert (header["CHANGENR"], header["USERNAME"], header["TCODE"]) == (number, "SMITH", "MB01")
        assert header["CHANGE_IND"] == "U"
        assert items.keys() == {"MENGE", "MEINS"}
        assert items["MENGE"]["TABKEY"] == "100" + "A".ljust(18) + "1000"
        assert items["MENGE"]["VALUE_OLD"].strip() == "1.500"
        assert items["MENGE"]["VALUE_NEW"].strip() == "20.000-"
        assert (items["MENGE"]["UNIT_OLD"], items["MENGE"]["UNIT_NEW"]) == ("KG", "LB")

    @pytest.mark.parametrize(
        ("object_class", "expected"),
        [
            (ObjectClass("STOCK"), [("KEY", "I"), ("KEY", "D")]),
            (ObjectClass("STOCK", insert_fields=True, delete_fields=True), [("MENGE", "J"), ("MENGE", "E")]),
        ],
    )
    def test_inserts_and_deletes_tell_their_key_or_each_field(
        self, system: System, object_class: ObjectClass, expected: list[tuple[str, str]]
    ) -> None:
        system.classes["STOCK"] = object_class
        with system.transaction(server=0) as transaction:
            transaction.insert("ZSTOCK", A | {"MENGE": 3})
            transaction.document("STOCK", "A")
            transaction.delete("ZSTOCK", A)
            transaction.document("STOCK", "A")
        assert [(row["FNAME"], row["CHNGIND"]) for row in system.rows("CDPOS")] == expected

    def test_nothing_changed_is_no_document(self, system: System) -> None:
        system.load("ZSTOCK", [A | {"MENGE": 1}])
        with system.transaction() as transaction:
            transaction.update("ZSTOCK", A | {"MENGE": 2})
            transaction.update("ZSTOCK", A | {"MENGE": 1, "TOUCHED": "20260101"})
            assert transaction.document("STOCK", "A") is None
        assert system.rows("CDHDR") == []

    def test_the_date_is_that_of_the_writing_and_the_commit_may_be_late(self, system: System) -> None:
        system.load("ZSTOCK", [A, B])
        system.clock.stop()
        system.clock.set(datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC))
        late = system.transaction(server=0)
        late.update("ZSTOCK", A | {"MENGE": 1})
        early_number = late.document("STOCK", "A")
        system.clock.advance(timedelta(seconds=20))
        with system.transaction(server=1) as other:
            other.update("ZSTOCK", B | {"MENGE": 1})
            other.document("STOCK", "B")
        assert [row["UDATE"] for row in system.rows("CDHDR")] == ["20260302"]
        late.commit()
        (mine,) = (row for row in system.rows("CDHDR") if row["CHANGENR"] == early_number)
        assert (mine["UDATE"], mine["UTIME"]) == ("20260301", "235950")

    def test_numbers_do_not_follow_the_order_of_the_commits(self, system: System) -> None:
        numbers = []
        for number in range(6):
            with system.transaction(server=number % 2) as transaction:
                transaction.insert("ZSTOCK", {"MATNR": str(number), "WERKS": "1"})
                numbers.append(transaction.document("STOCK", str(number)))
        assert numbers != sorted(filter(None, numbers))
        assert len(set(numbers)) == 6

    def test_pointers_come_with_documents_for_the_fields_a_message_type_wants(self, system: System) -> None:
        system.messages.append(Message("STKMAS", "STOCK", {"ZSTOCK": ("MENGE",)}))
        system.load("ZSTOCK", [A | {"MEINS": "KG"}])
        with system.transaction() as transaction:
            transaction.update("ZSTOCK", A | {"MENGE": 2, "MEINS": "LB"})
            transaction.document("STOCK", "A")
            transaction.insert("ZSTOCK", B)
            transaction.document("OTHER", "B")
        (pointer,) = system.rows("BDCP2")
        assert (pointer["MESTYPE"], pointer["FLDNAME"], pointer["CDCHGID"]) == ("STKMAS", "MENGE", "U")
        assert (pointer["PROCESS"], pointer["CDOBJID"]) == ("", "A")


class TestClock:
    def test_it_is_set_stopped_and_pushed(self) -> None:
        system = System()
        system.clock.zone = timezone(timedelta(hours=2))
        system.clock.stop()
        system.clock.set(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
        system.clock.advance(timedelta(seconds=5))
        text = system.invoke("STFC_CONNECTION", {"REQUTEXT": "x"})["RESPTEXT"]
        assert "Date: 20260701   Time: 140005" in text
        assert system.invoke("RFC_SYSTEM_INFO")["RFCSI_EXPORT"]["RFCTZONE"].strip() == "7200"
        system.clock.go()
        system.clock.advance(timedelta(seconds=1))
        assert system.clock.now() >= datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC)

    def test_daylight_saving_time_is_told_apart_from_the_zone(self) -> None:
        system = System()
        system.clock.zone = ZoneInfo("Europe/Berlin")
        told = []
        for month in (1, 7):
            system.clock.set(datetime(2026, month, 1, 12, 0))  # noqa: DTZ001 (by the system's clock)
            export = system.invoke("RFC_SYSTEM_INFO")["RFCSI_EXPORT"]
            told.append((export["RFCTZONE"].strip(), export["RFCDAYST"]))
        assert told == [("3600", ""), ("3600", "X")]


class TestFunctions:
    def test_who_may_not_call_is_told_so(self, system: System) -> None:
        system.grants.denied_functions.add("RFC_PING")
        with pytest.raises(ShortDump) as refused:
            system.invoke("RFC_PING", session=Session(user="SMITH"))
        assert refused.value.key == "RFC_NO_AUTHORITY"
        assert "SMITH" in refused.value.text
        assert "RFC_PING" in refused.value.text

    def test_a_right_to_the_group_is_enough(self, system: System) -> None:
        system.grants.functions.clear()
        system.grants.groups.add("SRFC")
        assert system.invoke("STFC_CONNECTION", {"REQUTEXT": "x"})["ECHOTEXT"] == "x"
        with pytest.raises(ShortDump):
            system.invoke("RFC_READ_TABLE", {"QUERY_TABLE": "T000"})

    @pytest.mark.parametrize(
        ("function", "parameters", "key"),
        [
            ("NO_SUCH", {}, "CALL_FUNCTION_NOT_FOUND"),
            ("Z_BRIDGE_LOCAL", {}, "CALL_FUNCTION_NOT_REMOTE"),
            ("STFC_CONNECTION", {"NOSUCH": 1}, "CALL_FUNCTION_PARM_UNKNOWN"),
            ("STFC_CONNECTION", {}, "CALL_FUNCTION_PARM_MISSING"),
        ],
    )
    def test_a_wrong_call_ends_in_a_runtime_error(
        self, function: str, parameters: Mapping[str, Any], key: str
    ) -> None:
        with pytest.raises(ShortDump) as refused:
            Company(customers=1).system.invoke(function, parameters)
        assert refused.value.key == key

    def test_a_test_sees_every_call_and_may_change_rows_between_two(self, system: System) -> None:
        seen: list[str] = []
        system.before.append(lambda function, _: seen.append(f"before {function}"))
        system.after.append(lambda function, _: seen.append(f"after {function}"))
        system.invoke("RFC_SYSTEM_INFO")
        assert seen == ["before RFC_SYSTEM_INFO", "after RFC_SYSTEM_INFO"]
        assert system.calls["RFC_SYSTEM_INFO"] == 1

    def test_defaults_and_initial_values_fill_what_nobody_sent(self, system: System) -> None:
        parameters = (
            Parameter("N", Direction.IMPORT, Type("INT4"), optional=True, default="7"),
            Parameter("D", Direction.IMPORT, Type("DATS"), optional=True),
            Parameter("OUT", Direction.EXPORT, Structure("ZOUT", ROW.fields[3:5])),
            Parameter("ROWS", Direction.TABLES, ROW, optional=True),
        )
        system.install(
            Function("Z_DEFAULTS", parameters), lambda call: {"ROWS": [{"N": call["N"], "D": call["D"]}]}
        )
        answer = system.invoke("Z_DEFAULTS")
        assert answer == {
            "ROWS": [{"N": 7, "D": "00000000"}],
            "OUT": {"MENGE": Decimal("0.000"), "MEINS": ""},
        }

    def test_values_of_every_type_come_back_whatever_the_depth(self) -> None:
        sent = {
            "IS_FLAT": flat(17),
            "IV_STRING": "ä\n" * 3,
            "IV_XSTRING": b"\0\1",
            "IT_ORDERS": [order(3), order(4)],
            "CT_FLAT": [flat(1), initial(FLAT)],
            "FLATS": [flat(2)],
        }
        answer = Company(customers=1).system.invoke("Z_BRIDGE_ECHO", sent)
        assert answer["ES_FLAT"] == sent["IS_FLAT"]
        assert answer["ET_ORDERS"] == sent["IT_ORDERS"]
        assert (answer["CT_FLAT"], answer["FLATS"]) == (sent["CT_FLAT"], sent["FLATS"])
        assert (answer["EV_STRING"], answer["EV_XSTRING"]) == ("ä\n" * 3, b"\0\1")

    def test_return_tells_of_an_error(self) -> None:
        answer = Company(customers=1).system.invoke("Z_BRIDGE_GET_ORDERS", {"IV_MAX": -1})
        assert [row["TYPE"] for row in answer["RETURN"]] == ["E"]
        assert answer["ET_ORDERS"] == []


class TestCustomers:
    @pytest.fixture
    def customers(self) -> Customers:
        made = Customers(System())
        made.load(20)
        return made

    def listed(self, customers: Customers, **parameters: Any) -> list[str]:
        answer = customers.system.invoke("BAPI_CUSTOMER_GETLIST", parameters)
        return [row["CUSTOMER"].lstrip("0") for row in answer["ADDRESSDATA"]]

    @pytest.mark.parametrize(
        ("idrange", "expected"),
        [
            ([], 20),
            ([("I", "BT", "0000000005", "0000000007")], 3),
            ([("I", "GT", "0000000018", "")], 2),
            ([("I", "CP", "*1+", "")], 10),
            ([("E", "LE", "0000000019", "")], 1),
            ([("I", "EQ", "0000000001", ""), ("I", "EQ", "0000000002", "")], 2),
            ([("I", "GE", "0000000001", ""), ("E", "NB", "0000000004", "0000000005")], 2),
        ],
    )
    def test_the_list_has_what_the_range_selects(
        self, customers: Customers, idrange: list[tuple[str, str, str, str]], expected: int
    ) -> None:
        rows = [dict(zip(("SIGN", "OPTION", "LOW", "HIGH"), row, strict=True)) for row in idrange]
        assert len(self.listed(customers, IDRANGE=rows)) == expected

    def test_maxrows_cuts_the_list_and_says_nothing(self, customers: Customers) -> None:
        answer = customers.system.invoke("BAPI_CUSTOMER_GETLIST", {"MAXROWS": 3})
        assert len(answer["ADDRESSDATA"]) == 3
        assert answer["RETURN"]["TYPE"] == ""

    @pytest.mark.parametrize(
        ("row", "id_", "number"),
        [
            (("I", "EQ", "NOBODY"), "F2", "718"),
            (("X", "EQ", "1"), "S&", "026"),
            (("I", "XX", "1"), "S&", "027"),
        ],
    )
    def test_return_says_what_went_wrong(
        self, customers: Customers, row: tuple[str, str, str], id_: str, number: str
    ) -> None:
        sign, option, low = row
        idrange = [{"SIGN": sign, "OPTION": option, "LOW": low, "HIGH": ""}]
        answer = customers.system.invoke("BAPI_CUSTOMER_GETLIST", {"IDRANGE": idrange})
        assert (answer["RETURN"]["TYPE"], answer["RETURN"]["ID"]) == ("E", id_)
        assert answer["RETURN"]["NUMBER"] == number
        assert answer["ADDRESSDATA"] == []

    def test_the_detail_has_what_was_changed_last(self, customers: Customers) -> None:
        customers.change(4, NAME1="Neu", UMSA1="-7.5")
        answer = customers.system.invoke(
            "BAPI_CUSTOMER_GETDETAIL2", {"CUSTOMERNO": "0000000004", "COMPANYCODE": "1000"}
        )
        assert answer["CUSTOMERADDRESS"]["NAME"] == "Neu"
        assert answer["CUSTOMERGENERALDETAIL"]["ANN_SALES"] == Decimal("-7.50")
        assert answer["CUSTOMERCOMPANYDETAIL"]["COMP_CODE"] == "1000"

    def test_nobody_has_no_detail(self, customers: Customers) -> None:
        answer = customers.system.invoke("BAPI_CUSTOMER_GETDETAIL2", {"CUSTOMERNO": "NOBODY"})
        assert answer["RETURN"]["TYPE"] == "E"

    def test_every_change_leaves_its_document_and_pointers(self, customers: Customers) -> None:
        customers.create(100, NAME1="A")
        customers.change(100, NAME1="B", user="SMITH")
        customers.delete(100)
        system = customers.system
        assert len(system.rows("CDHDR")) == 3
        documented = [(row["TABNAME"], row["FNAME"], row["CHNGIND"]) for row in system.rows("CDPOS")]
        assert ("KNA1", "KEY", "I") in documented
        assert ("KNA1", "NAME1", "U") in documented
        assert ("KNA1", "NAME1", "E") in documented
        assert len(system.rows("BDCP2")) == len(documented)
        assert all(row["KUNNR"] != "0000000100" for row in system.rows("KNA1"))

    def test_the_mark_of_change_is_the_time_of_the_writing(self, customers: Customers) -> None:
        system = customers.system
        system.clock.stop()
        system.clock.set(datetime(2026, 5, 5, 10, 0, tzinfo=UTC))
        transaction = system.transaction()
        update(transaction, 1, system.clock.now(), NAME1="late")
        system.clock.advance(timedelta(minutes=5))
        transaction.commit()
        (row,) = (row for row in system.rows("KNA1") if row["NAME1"] == "late")
        assert (row["UPDAT"], row["UPTIM"]) == ("20260505", "100000")


class TestTexts:
    @pytest.mark.parametrize(
        ("type_", "value", "width", "text"),
        [
            (Type("DEC", 5, 2), Decimal("1.50"), 8, "   1.50 "),
            (Type("DEC", 5, 2), Decimal("-1.50"), 8, "   1.50-"),
            (Type("DEC", 5, 2), Decimal("123.45"), 6, "123.45"),
            (Type("DEC", 5, 2), Decimal("-123.45"), 6, "*3.45-"),
            (Type("DEC", 3, 1), Decimal("99.0"), 3, "*.0"),
            (Type("DEC", 5, 3), Decimal("-0.815"), 5, ".815-"),
            (Type("INT4"), -1, 3, " 1-"),
            (Type("INT4"), 12345, 3, "*45"),
            (Type("RAW", 4), b"\x00\xab\xcd\xef", 4, "00AB"),
            (Type("FLTP"), -1.5, 22, "-1.500000000000000E+00"),
            (Type("D34N"), Decimal("-1.25"), 8, "   -1.25"),
            (Type("UTCL"), "2026-01-01T12:34:56.1110000", 27, "2026-01-01 12:34:56.1110000"),
            (char(5), "ab", 5, "ab   "),
        ],
    )
    def test_values_are_moved_into_characters_as_abap_moves_them(
        self, type_: Type, value: object, width: int, text: str
    ) -> None:
        assert moved(type_, value, width) == text


class TestDictionary:
    def read(self, system: System, table: str) -> list[dict[str, Any]]:
        return system.rows(table)

    def one(self, system: System, table: str, **key: str) -> dict[str, Any]:
        (row,) = (row for row in self.read(system, table) if key.items() <= row.items())
        return row

    def test_it_says_which_functions_may_be_called_from_outside(self) -> None:
        system = Company(customers=1).system
        assert self.one(system, "TFDIR", FUNCNAME="Z_BRIDGE_ECHO")["FMODE"] == "R"
        assert self.one(system, "TFDIR", FUNCNAME="Z_BRIDGE_LOCAL")["FMODE"] == ""

    def test_it_knows_its_indexes_and_currencies(self) -> None:
        system = Company(customers=1).system
        columns = [row["FIELDNAME"] for row in self.read(system, "DD17S") if row["SQLTAB"] == "KNA1"]
        assert columns == ["MANDT", "UPDAT", "UPTIM"]
        assert self.one(system, "TCURX", CURRKEY="JPY")["CURRDEC"] == 0

    def test_it_counts_rows_of_the_callers_client(self) -> None:
        system = Company(customers=4).system
        asked = {"IT_TABLES": [{"TABNAME": "KNA1"}, {"TABNAME": "NOSUCH"}]}
        counted = system.invoke("EM_GET_NUMBER_OF_ENTRIES", asked)["IT_TABLES"]
        assert [row["TABROWS"] for row in counted] == [4, -1]
        elsewhere = system.invoke("EM_GET_NUMBER_OF_ENTRIES", asked, Session(client="200"))["IT_TABLES"]
        assert elsewhere[0]["TABROWS"] == 0

    def test_it_finds_no_fields_of_what_is_no_table(self, system: System) -> None:
        with pytest.raises(AbapException) as refused:
            system.invoke("DDIF_FIELDINFO_GET", {"TABNAME": "NOSUCH"})
        assert refused.value.key == "NOT_FOUND"
