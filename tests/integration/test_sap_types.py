"""Every type of the dictionary through both clients and the encoder: docs/connectors/sap-types.md is true."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import Any, cast

import pyarrow as pa
import pytest

from bridge.contract import Ask, Batch, Stream
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.testing.sap import read_table
from bridge.testing.sap.abap import Direction, Field, Function, Parameter, Structure, Table, TableType, char
from bridge.testing.sap.abap import Type as AbapType
from bridge.testing.sap.modules import Body
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.system import System
from connectors.sap_rfc import SapConnector
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.modes import Basis
from connectors.sap_rfc.modes.function import FunctionImages
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.system import System as ConnectedSystem
from tests.integration.jdbc_types import Rejected, Type
from tests.integration.sap_inside import Inside
from tests.integration.sap_types import DEEP, FUNCTIONS, ROOMY, TABLES, columns, row

VARIABLE = "SAP_TYPES_PASSWORD"
CLASSIC = {"mode": "table", "images": True, "reader": "BBP_RFC_READ_TABLE"}
"""As RFC_READ_TABLE was for most of its life: columns are as long as the dictionary says."""
FUNCTION = {"mode": "function", "function": "Z_TYPES", "rows": "ROWS", "key": ["ID"]}
ROOM = {"a": 23, "e": 42}


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[SapPeer]:
    monkeypatch.setenv(VARIABLE, SapPeer.password)
    with SapPeer() as served:
        yield served


@pytest.fixture(params=["pyrfc", "saprfclib"])
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def reading(peer: SapPeer, library: str, streams: Mapping[str, Any]) -> Iterator[tuple[SapConnector, Stream]]:
    options = {
        "ashost": peer.ashost,
        "sysnr": peer.sysnr,
        "client": peer.client,
        "user": peer.user,
        "password": f"env:{VARIABLE}",
        "library": library,
        "streams": streams,
    }
    connector = SapConnector(SapConnector.Config.model_validate(options))
    try:
        connector.open()
        (stream,) = connector.discover()
        yield connector, stream
    finally:
        connector.close()


def polled(connector: SapConnector, stream: Stream) -> list[Batch]:
    batches = [connector.poll(stream, None, Ask())]
    while batches[-1].more:
        batches.append(connector.poll(stream, batches[-1].position, Ask()))
    return batches


def published(batches: Sequence[Batch]) -> Iterator[dict[str, Any]]:
    """The rows as they are in the events."""
    json_encoder = encoder(EncoderOptions())
    for changes in (changes for batch in batches for changes in batch.changes):
        encoded = json_encoder.encode(changes, Origin("erp", "sap", "1"), 0)
        assert not encoded.failures
        for value in encoded.values:
            assert value is not None
            yield json.loads(value)["after"]


def rows_of(types: tuple[Type, ...]) -> list[dict[int, str]]:
    """Column -> literal: a few rows with all values, and one for each that is rejected."""
    good = [[text for text, told in one.values.items() if not isinstance(told, Rejected)] for one in types]
    found = [{at: text for at, text in enumerate(texts) if text is not None} for texts in zip_longest(*good)]
    return found + [
        {at: text}
        for at, one in enumerate(types)
        for text, told in one.values.items()
        if isinstance(told, Rejected)
    ]


def expected(types: tuple[Type, ...], rows: Sequence[Mapping[int, str]]) -> dict[tuple[int, int], Any]:
    return {
        (at, number): types[at].values[text] for number, row in enumerate(rows) for at, text in row.items()
    }


def found(batches: Sequence[Batch], wanted: Mapping[tuple[int, int], Any]) -> dict[tuple[int, int], Any]:
    """What is in the events, or why there is none."""
    told = {int(each["ID"]): each for each in published(batches)}
    rejects = {
        int(str(each.key["ID"])): each.reason for batch in batches for each in batch.rejects if each.key
    }
    return {
        (at, number): told[number][f"C{at}"]
        if number in told
        else Rejected(rejects[number].removeprefix(f"C{at} "))
        for at, number in wanted
    }


def table(peer: SapPeer, types: tuple[Type, ...]) -> dict[tuple[int, int], Any]:
    """ZTYPES, with a row for each set of values; what is to be published of it."""
    peer.system.define(Table(Structure("ZTYPES", tuple(columns(types)))))
    rows = rows_of(types)
    peer.system.load("ZTYPES", [row(types, number, each) for number, each in enumerate(rows)])
    return expected(types, rows)


def arrow(batches: Sequence[Batch], types: tuple[Type, ...]) -> dict[str, pa.DataType]:
    (schema,) = {changes.table.schema for batch in batches for changes in batch.changes}
    return {one.ddl: schema.field(f"C{at}").type for at, one in enumerate(types)}


def test_every_type_of_a_table_arrives_as_the_documentation_says(peer: SapPeer, library: str) -> None:
    wanted = table(peer, TABLES)
    with reading(peer, library, {"ZTYPES": CLASSIC}) as (connector, stream):
        batches = polled(connector, stream)
    assert arrow(batches, TABLES) == {one.ddl: one.arrow for one in TABLES}
    assert found(batches, wanted) == wanted


def test_today_s_function_has_room_for_sign_and_point(peer: SapPeer, library: str) -> None:
    types = (Type("DEC(7,2)", pa.decimal128(7, 2), {"99999.99": "99999.99", "-99999.99": "-99999.99"}),)
    wanted = table(peer, types)
    with reading(peer, library, {"ZTYPES": {"mode": "table", "images": True}}) as (connector, stream):
        assert found(polled(connector, stream), wanted) == wanted


def test_what_needs_room_arrives_whole_by_a_function_that_has_it(peer: SapPeer, library: str) -> None:
    wanted = table(peer, ROOMY)
    wide = replace(read_table.CLASSIC, widths=lambda type_: ROOM.get(type_.letter, type_.wide))
    plain = peer.system.function("BBP_RFC_READ_TABLE")
    assert plain is not None
    peer.system.install(replace(plain, name="Z_WIDE"), read_table.rfc_read_table(wide))
    options = {"mode": "table", "images": True, "reader": "Z_WIDE"}
    with reading(peer, library, {"ZTYPES": options}) as (connector, stream):
        batches = polled(connector, stream)
    assert arrow(batches, ROOMY) == {one.ddl: one.arrow for one in ROOMY}
    assert found(batches, wanted) == wanted


def function(
    types: tuple[Type, ...], deep: Sequence[Field], values: Mapping[str, Any]
) -> tuple[Structure, Body]:
    """The row of a function, and what it answers: a row for each set of values."""
    answers = [{**row(types, number, each), **values} for number, each in enumerate(rows_of(types))]
    return Structure("ZTYPES", (*columns(types), *deep)), lambda _: {"ROWS": answers}


def test_every_flat_type_of_a_function_arrives_as_the_documentation_says(peer: SapPeer, library: str) -> None:
    flat = tuple(one for one in FUNCTIONS if one.ddl not in ("STRG", "RSTR"))
    line, body = function(flat, (), {})
    peer.system.install(Function("Z_TYPES", (Parameter("ROWS", Direction.TABLES, line),)), body)
    with reading(peer, library, {"types": FUNCTION}) as (connector, stream):
        batches = polled(connector, stream)
    assert arrow(batches, flat) == {one.ddl: one.arrow for one in flat}
    wanted = expected(flat, rows_of(flat))
    assert found(batches, wanted) == wanted


def test_every_type_of_a_function_of_any_depth_arrives_as_the_documentation_says() -> None:
    """In this process: neither client passes strings and tables within rows."""
    deep = [Field(name, kind) for name, (kind, _, _) in DEEP.items()]
    line, body = function(FUNCTIONS, deep, {name: value for name, (_, value, _) in DEEP.items()})
    inside = Inside(System())
    rows = Parameter("ROWS", Direction.EXPORT, TableType("ZTYPES_TAB", line))
    inside.store.install(Function("Z_TYPES", (rows,)), body)
    system = cast("ConnectedSystem", inside)
    mode = FunctionImages(
        Basis("types", SapStream.model_validate(FUNCTION), system, Dictionary(inside), frozenset())
    )
    batch = mode.poll(system, None, Ask())
    assert arrow([batch], FUNCTIONS) == {one.ddl: one.arrow for one in FUNCTIONS}
    wanted = expected(FUNCTIONS, rows_of(FUNCTIONS))
    assert found([batch], wanted) == wanted
    for event in published([batch]):
        assert {name: event[name] for name in DEEP} == {name: told for name, (_, _, told) in DEEP.items()}


def test_characters_of_two_units_do_not_shift_the_columns_behind_them(peer: SapPeer, library: str) -> None:
    fields = (
        Field("ID", AbapType("NUMC", 3), key=True),
        *(Field(name, char(5)) for name in ("A", "B", "C")),
    )
    peer.system.define(Table(Structure("ZWIDE", fields)))
    texts = [("🙂🙂a", "ü", "x"), ("日本語日本", "𝄞", "🙂"), ("plain", "", "z")]
    rows = [{"ID": f"{at:03}", "A": a, "B": b, "C": c} for at, (a, b, c) in enumerate(texts)]
    peer.system.load("ZWIDE", rows)
    with reading(peer, library, {"ZWIDE": {"mode": "table", "images": True}}) as (connector, stream):
        assert sorted(published(polled(connector, stream)), key=lambda each: each["ID"]) == rows


def test_leading_zeros_go_where_the_conversion_exit_says_so(peer: SapPeer, library: str) -> None:
    number = AbapType("CHAR", 10, exit="ALPHA")
    fields = (Field("KUNNR", number, key=True), Field("OTHER", char(10)))
    peer.system.define(Table(Structure("ZALPHA", fields)))
    peer.system.load("ZALPHA", [{"KUNNR": "0000000042", "OTHER": "0000000042"}, {"KUNNR": "0A"}])
    for alpha, first in (("keep", "0000000042"), ("strip", "42")):
        options = {"mode": "table", "images": True, "alpha": alpha}
        with reading(peer, library, {"ZALPHA": options}) as (connector, stream):
            told = {each["KUNNR"]: each["OTHER"] for each in published(polled(connector, stream))}
        assert told == {first: "0000000042", "0A": ""}
