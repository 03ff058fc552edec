"""What goes over the peer's wire is what comes out of it: records, frames, values in memory and as XML."""

from __future__ import annotations

import socket
import string
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from threading import Thread
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.testing.sap import asxml, gateway, layout
from bridge.testing.sap.abap import AnyType, Field, Kind, Structure, TableType, Type, initial
from bridge.testing.sap.gateway import Line
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.records import Tag, Unfinished, record, records
from bridge.testing.sap.switches import Switches
from bridge.testing.sap.system import System

LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
TAGS = st.sampled_from([tag for tag in Tag if tag is not Tag.END])
FLAT = st.one_of(
    st.builds(Type, st.sampled_from(["CHAR", "NUMC", "RAW"]), st.integers(1, 40)),
    st.builds(Type, st.just("DEC"), st.integers(5, 31), st.integers(0, 5)),
    st.sampled_from(
        [Type(name) for name in ("DATS", "TIMS", "FLTP", "INT1", "INT2", "INT4", "INT8", "D16N", "D34N")]
    ),
    st.builds(Type, st.just("UTCL")),
)
RANGES = {Kind.INT1: (0, 255), Kind.INT2: (-(2**15), 2**15 - 1), Kind.INT: (-(2**31), 2**31 - 1)}


def structures(types: st.SearchStrategy[Any]) -> st.SearchStrategy[Structure]:
    return st.lists(types, min_size=1, max_size=6).map(
        lambda found: Structure("S", tuple(Field(f"F{place}", each) for place, each in enumerate(found)))
    )


FLAT_STRUCTURES = structures(FLAT | structures(FLAT))
DEEP = st.recursive(
    FLAT | st.sampled_from([Type("STRG"), Type("RSTR")]),
    lambda inner: structures(inner) | inner.map(lambda row: TableType("T", row)),
    max_leaves=8,
)


def values(type_: AnyType) -> st.SearchStrategy[Any]:
    match type_:
        case TableType():
            return st.lists(values(type_.row), max_size=3)
        case Structure():
            return st.fixed_dictionaries({each.name: values(each.type) for each in type_.fields})
    return st.just(initial(type_)) | elementary(type_)


def elementary(type_: Type) -> st.SearchStrategy[Any]:
    of = ELEMENTARY.get(type_.kind)
    return of(type_) if of else st.integers(*RANGES.get(type_.kind, (-(2**63), 2**63 - 1)))


def characters(type_: Type) -> st.SearchStrategy[str]:
    fitting = st.text(LETTERS, max_size=type_.leng).map(lambda text: text.rstrip(" "))
    return fitting.filter(lambda text: len(text.encode("utf-16-le")) <= type_.intlen)


def digits(type_: Type) -> st.SearchStrategy[str]:
    return st.text(string.digits, min_size=type_.leng, max_size=type_.leng)


def packed(type_: Type) -> st.SearchStrategy[Decimal]:
    most = 10**type_.length - 1
    return st.integers(-most, most).map(lambda whole: _scaled(whole, -type_.decimals))


def floating(type_: Type) -> st.SearchStrategy[Decimal]:
    most = 10**type_.leng - 1
    return st.builds(_scaled, st.integers(-most, most), st.integers(-20, 20))


def stamps(_: Type) -> st.SearchStrategy[str]:
    moments = st.datetimes(min_value=datetime(1583, 1, 1))  # noqa: DTZ001 (UTC)
    return st.builds(lambda at, rest: f"{at:%Y-%m-%dT%H:%M:%S.%f}{rest}", moments, st.integers(0, 9))


ELEMENTARY: Mapping[Kind, Callable[[Type], st.SearchStrategy[Any]]] = {
    Kind.CHAR: characters,
    Kind.NUM: digits,
    Kind.DATE: digits,
    Kind.TIME: digits,
    Kind.BCD: packed,
    Kind.DECF16: floating,
    Kind.DECF34: floating,
    Kind.FLOAT: lambda _: st.floats(allow_nan=False, allow_infinity=False),
    Kind.BYTE: lambda type_: st.binary(min_size=type_.leng, max_size=type_.leng),
    Kind.STRING: lambda _: st.text(LETTERS),
    Kind.XSTRING: lambda _: st.binary(),
    Kind.UTCLONG: stamps,
}


def _scaled(whole: int, exponent: int) -> Decimal:
    return Decimal((whole < 0, tuple(int(digit) for digit in str(abs(whole))), exponent))


@given(FLAT_STRUCTURES.flatmap(lambda type_: st.tuples(st.just(type_), values(type_))))
def test_what_is_flat_comes_back_from_memory(both: tuple[Structure, dict[str, Any]]) -> None:
    type_, value = both
    data = layout.encode(type_, value)
    assert len(data) == type_.intlen
    assert layout.decode(type_, data) == value
    assert layout.decode(type_, data[: layout.width(type_)]) == value


@given(FLAT_STRUCTURES)
def test_what_nobody_has_set_is_initial(type_: Structure) -> None:
    assert layout.decode(type_, layout.encode(type_, {})) == initial(type_)


@given(DEEP.flatmap(lambda type_: st.tuples(st.just(type_), values(type_))))
def test_what_is_deep_comes_back_from_xml(both: tuple[AnyType, Any]) -> None:
    type_, value = both
    element = asxml.parsed(asxml.write("NAME", type_, value).encode())
    assert element.tag == "NAME"
    assert asxml.value_of(type_, element) == value


@given(
    st.lists(st.tuples(TAGS, st.binary() | st.sampled_from([bytes(0xFFFE), bytes(0xFFFF), bytes(70_000)])))
)
def test_records_are_read_as_they_are_written(written: list[tuple[Tag, bytes]]) -> None:
    stream = b"".join(record(tag, value) for tag, value in written) + record(Tag.END)
    assert list(records(stream)) == written


@given(st.lists(st.tuples(TAGS, st.binary(max_size=20)), min_size=1), st.data())
def test_a_stream_that_is_cut_is_unfinished(written: list[tuple[Tag, bytes]], data: st.DataObject) -> None:
    stream = b"".join(record(tag, value) for tag, value in written)
    cut = data.draw(st.integers(0, len(stream)))
    try:
        found = list(records(stream[:cut]))
    except Unfinished:
        return
    raise AssertionError(found)


@given(st.binary(max_size=400_000).map(lambda value: record(Tag.VALUE, value) + record(Tag.END)))
def test_frames_hold_the_whole_stream(stream: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sending = Thread(target=Line(theirs, Switches()).raw, args=(gateway.framed(b"12345678", stream),))
        sending.start()
        assert gateway.receive(Line(ours, Switches())) == stream
        sending.join()


def test_what_speaks_no_rfc_is_hung_up_on() -> None:
    with SapPeer(System()) as peer:
        for said in (b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\0\0\0\x04\x06\xcb\0\0", b"\xff" * 8):
            answer = b""
            with socket.create_connection((peer.ashost, peer.port), 5) as line, suppress(OSError):
                line.sendall(said)
                line.shutdown(socket.SHUT_WR)
                answer = line.recv(1000)
            assert answer == b""
