"""Values there and back: the same whichever client passes them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bridge.testing.sap.peer import SapPeer
from connectors.sap_rfc import clients
from connectors.sap_rfc.clients import Logon
from connectors.sap_rfc.clients.client import Client, Direction, Field, Kind
from connectors.sap_rfc.errors import Asked, translate
from tests.integration.sap_functions import FULL, FUNCTIONS, SCALARS

ROW = {name: FULL[name] for name in SCALARS}
EMPTY = {None, "", "00000000", "000000"}
LENGTHS = {"CHAR": (10, 0), "NUM": (8, 0), "BCD": (13, 3), "BYTE": (4, 0)}


@pytest.fixture(scope="module")
def peer() -> Iterator[SapPeer]:
    with SapPeer() as peer:
        for function, body in FUNCTIONS:
            peer.system.install(function, body)
        yield peer


@pytest.fixture(scope="module", params=["saprfclib", "pyrfc"])
def client(request: pytest.FixtureRequest, peer: SapPeer) -> Iterator[Client]:
    client = clients.connect(clients.found(request.param), Logon(peer.parameters, 10.0))
    yield client
    client.close()


def echoed(client: Client, name: str, value: Any) -> Any:
    return client.call("Z_ECHO", **{f"I_{name}": value})[f"E_{name}"]


def test_a_client_says_what_it_is(client: Client) -> None:
    assert (client.name, client.version, client.licence) in {
        (each.library, each.version, each.licence) for each in clients.installed()
    }


def test_a_connection_says_with_whom_it_is(client: Client) -> None:
    told = client.attributes()
    assert (told.sysid, told.client, told.user, told.unicode) == ("SIM", "100", "BRIDGE", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHAR", "Grüße €"),
        ("CHAR", "  left"),
        ("CHAR", ""),
        ("NUM", "00001234"),
        ("DATE", "20261231"),
        ("TIME", "235959"),
        ("FLOAT", -1.5),
        ("FLOAT", 1e308),
        ("INT", -2_147_483_648),
        ("INT1", 255),
        ("INT2", -32_768),
        ("INT8", -9_223_372_036_854_775_808),
        ("DECF16", Decimal("-123456789.0123456")),
        ("DECF34", Decimal("1234567890123456789012345678901.234")),
        ("BYTE", b"\x00\xff\x00\x01"),
        ("STRING", "beliebig lang, mit Blanks am Ende  "),
        ("STRING", ""),
        ("STRING", "ä€" * 50_000),
        ("XSTRING", bytes(range(256)) * 300),
        ("XSTRING", b""),
    ],
)
def test_a_value_comes_back_as_it_went(client: Client, name: str, value: Any) -> None:
    assert echoed(client, name, value) == value
    assert type(echoed(client, name, value)) is type(value)


def test_a_row_comes_back_as_it_went(client: Client) -> None:
    assert client.call("Z_ECHO_ROW", I_ROW=ROW)["E_ROW"] == ROW


def test_rows_come_back_as_they_went(client: Client) -> None:
    rows = [ROW | {"INT": number} for number in range(500)]
    assert client.call("Z_ECHO_TABLE", ROWS=rows)["ROWS"] == rows


def test_no_rows_are_an_empty_list(client: Client) -> None:
    assert client.call("Z_ECHO_TABLE")["ROWS"] == []


def test_wide_lines_come_back_as_they_went(client: Client) -> None:
    lines = [{"LINE": text} for text in ("", "Zürich €", " b", "x" * 256, "😀" * 128)]
    assert client.call("Z_ECHO_LINES")["LINES"] == []
    assert client.call("Z_ECHO_LINES", LINES=lines)["LINES"] == lines
    assert client.call("Z_ECHO_LINES")["LINES"] == []


def test_what_is_left_out_is_initial(client: Client) -> None:
    (row,) = client.call("Z_ECHO_TABLE", ROWS=[{}])["ROWS"]
    assert {(row[name] or "").strip() for name in ("CHAR", "DATE", "TIME")} <= EMPTY
    assert row["NUM"] in ("", "00000000")
    assert (row["INT"], row["BYTE"]) == (0, bytes(4))
    assert {row[name] for name in ("BCD", "DECF16", "DECF34", "FLOAT")} == {0}


def test_an_initial_date_is_one_of_three(client: Client) -> None:
    answer = client.call("Z_ECHO")
    assert answer["E_DATE"] in EMPTY
    assert answer["E_TIME"] in EMPTY


@pytest.mark.parametrize("moment", ["2026-01-02T03:04:05.1234567", "9999-12-31T23:59:59.9999999", ""])
def test_a_time_stamp_keeps_all_its_digits(client: Client, moment: str) -> None:
    assert client.call("Z_ECHO_MOMENT", I_UTCLONG=moment)["E_UTCLONG"] == moment


def test_an_interface_is_described_alike(client: Client) -> None:
    described = client.describe("Z_ECHO").parameters
    assert described["I_CHAR"].direction is Direction.IMPORT
    assert described["I_CHAR"].optional
    assert described["E_CHAR"].direction is Direction.EXPORT
    for name in (*SCALARS, "STRING", "XSTRING"):
        field = described[f"E_{name}"].field
        assert field == Field(f"E_{name}", Kind(name), *LENGTHS.get(name, (0, 0)))


def test_a_table_s_rows_are_described_alike(client: Client) -> None:
    rows = client.describe("Z_ECHO_TABLE").parameters["ROWS"]
    assert rows.direction is Direction.TABLES
    assert rows.field.kind is Kind.TABLE
    assert rows.field.fields == tuple(Field(name, Kind(name), *LENGTHS.get(name, (0, 0))) for name in SCALARS)


def test_structures_inside_structures_keep_their_names(peer: SapPeer) -> None:
    """erpl-pyrfc, our other client, does not know the fields of inner structures."""
    client = clients.connect(clients.found("saprfclib"), Logon(peer.parameters, 10.0))
    nested = {"ID": "A", "INNER": {"ID": "B", "AMOUNT": Decimal("1.25")}}
    assert client.call("Z_ECHO_ROW", I_NESTED=nested)["E_NESTED"] == nested
    inner = client.describe("Z_ECHO_ROW").parameters["E_NESTED"].field.fields[1]
    assert (inner.name, inner.kind, [each.name for each in inner.fields]) == (
        "INNER",
        Kind.STRUCTURE,
        ["ID", "AMOUNT"],
    )
    client.close()


def test_what_a_client_cannot_pass_is_left_out_with_a_warning(
    peer: SapPeer, caplog: pytest.LogCaptureFixture
) -> None:
    client = clients.connect(clients.found("saprfclib"), Logon(peer.parameters, 10.0))
    assert set(client.describe("Z_ECHO_DEEP").parameters) == {"I_LINES", "E_LINES"}
    assert "its parameter I_DEEP" in caplog.text
    assert "its parameter E_WORDS" in caplog.text
    lines = [{"ID": "L1", "AMOUNT": Decimal("-3.50")}]
    assert client.call("Z_ECHO_DEEP", I_LINES=lines)["E_LINES"] == lines
    client.close()


def test_a_field_that_there_is_not_is_refused(client: Client) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- each client has its own
        client.call("Z_ECHO_TABLE", ROWS=[{"NOT_THERE": 1}])
    assert "NOT_THERE" in translate(caught.value, Asked("calling Z_ECHO_TABLE")).text


def test_a_client_that_is_closed_can_be_closed_again(peer: SapPeer) -> None:
    for name in ("saprfclib", "pyrfc"):
        client = clients.connect(clients.found(name), Logon(peer.parameters, 10.0))
        client.ping()
        client.close()
        client.close()
