"""What PyRFC tells of a function's interface, by the classes it has for that: SAP's SDK runs in no test."""

from __future__ import annotations

from typing import Any

import pyrfc
import pytest

from connectors.sap_rfc.clients import Found
from connectors.sap_rfc.clients.client import Direction, Field, Kind, Parameter
from connectors.sap_rfc.clients.rfc import Rfc

FOUND = Found("pyrfc", "pyrfcx", "0.2.0", "Apache-2.0")


class Connection:
    """Answers what it was made with."""

    def __init__(self, description: Any, answer: dict[str, Any] | None = None) -> None:
        self.description, self.answer = description, answer or {}

    def get_function_description(self, _name: str) -> Any:
        return self.description

    def call(self, _name: str, **_parameters: Any) -> dict[str, Any]:
        return self.answer

    def get_connection_attributes(self) -> dict[str, Any]:
        return {
            "sysId": "PRD",
            "client": "100",
            "user": "BRIDGE",
            "rel": "753",
            "partnerRel": "758",
            "partnerHost": "erp1",
            "partnerCodepage": "4103",
            "partnerBytesPerChar": "2",
        }


def row_type() -> Any:
    inner = pyrfc.TypeDescription("ZINNER", 9, 12)
    inner.add_field("AMOUNT", "RFCTYPE_BCD", 7, 7, 0, 0, 2)
    row = pyrfc.TypeDescription("ZROW", 40, 70)
    row.add_field("ID", "RFCTYPE_CHAR", 10, 20, 0, 0)
    row.add_field("INNER", "RFCTYPE_STRUCTURE", 9, 12, 10, 20, 0, inner)
    row.add_field("NOTE", "RFCTYPE_STRING", 8, 8, 24, 32)
    row.add_field("AT", "RFCTYPE_UTCLONG", 8, 8, 32, 40)
    return row


def function() -> Any:
    described = pyrfc.FunctionDescription("Z_ROWS")
    described.add_parameter("FROM", "RFCTYPE_NUM", "RFC_IMPORT", 8, 16, optional=True)
    described.add_parameter("THING", "RFCTYPE_ABAPOBJECT", "RFC_EXPORT", 8, 8)
    described.add_parameter("DAY", "RFCTYPE_DTDAY", "RFC_EXPORT", 8, 8)
    described.add_parameter("KEY", "RFCTYPE_BYTE", "RFC_CHANGING", 16, 16)
    described.add_parameter("ROWS", "RFCTYPE_TABLE", "RFC_TABLES", 40, 70, type_description=row_type())
    described.add_parameter(
        "WORDS", "RFCTYPE_TABLE", "RFC_EXPORT", 8, 8, type_description=pyrfc.TypeDescription("ZWORDS", 8, 8)
    )
    return described


def test_an_interface_is_described_whatever_the_depth() -> None:
    told = Rfc(FOUND, Connection(function())).describe("Z_ROWS").parameters
    assert told["FROM"] == Parameter(Field("FROM", Kind.NUM, 8), Direction.IMPORT, optional=True)
    assert told["KEY"] == Parameter(Field("KEY", Kind.BYTE, 16), Direction.CHANGING, optional=False)
    assert "THING" not in told
    assert told["DAY"].field == Field("DAY", Kind.STRING)
    assert told["ROWS"].direction is Direction.TABLES
    assert told["ROWS"].field.fields == (
        Field("ID", Kind.CHAR, 10),
        Field("INNER", Kind.STRUCTURE, fields=(Field("AMOUNT", Kind.BCD, 13, 2),)),
        Field("NOTE", Kind.STRING),
        Field("AT", Kind.UTCLONG),
    )


def test_a_table_whose_rows_have_no_fields_is_one_of_texts() -> None:
    """PyRFC tells no field of such rows, for theirs has no name."""
    words = Rfc(FOUND, Connection(function())).describe("Z_ROWS").parameters["WORDS"].field
    assert words.fields == (Field("", Kind.STRING),)


def test_rows_without_fields_get_one_and_all_else_is_as_it_came() -> None:
    rows = [{"ID": "1", "INNER": {"AMOUNT": 1}, "NOTE": "x", "AT": "2026-01-31T12:00:00.1234567"}]
    client = Rfc(FOUND, Connection(function(), {"ROWS": rows, "WORDS": ["a", "b"], "KEY": b"\0"}))
    assert client.call("Z_ROWS") == {"ROWS": rows, "WORDS": [{"": "a"}, {"": "b"}], "KEY": b"\0"}


def test_a_connection_s_release_is_the_system_s_and_not_the_library_s() -> None:
    told = Rfc(FOUND, Connection(None)).attributes()
    assert (told.sysid, told.client, told.user) == ("PRD", "100", "BRIDGE")
    assert (told.release, told.host) == ("758", "erp1")
    assert told.unicode


@pytest.mark.parametrize(("width", "is_unicode"), [("1", False), ("2", True), ("4", True)])
def test_a_system_is_unicode_by_the_bytes_of_its_characters(
    monkeypatch: pytest.MonkeyPatch,
    width: str,
    is_unicode: bool,  # noqa: FBT001
) -> None:
    connection = Connection(None)
    known = {**connection.get_connection_attributes(), "partnerBytesPerChar": width}
    monkeypatch.setattr(connection, "get_connection_attributes", lambda: known)
    assert Rfc(FOUND, connection).attributes().unicode is is_unicode
