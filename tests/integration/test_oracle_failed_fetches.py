"""A fetch that fails in the middle of a query: no row is lost, and no end is seen where none was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bridge.contract import Ask, Batch, Position, Scan
from bridge.errors import BridgeError, PermanentError, TransientError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.values import Fields, Stamp
from connectors.oracle.modes.flow import Flow
from connectors.oracle.rows import Reading
from tests.integration.oracle_streams import Reader, events_of, reading

ROWS, TABLE, BARE = 60, "SALES.ITEMS", "SALES.BARE"
FATAL, PASSING = 1578, 8103
MODES: dict[str, tuple[str, dict[str, Any]]] = {
    "images": (TABLE, {"mode": "images"}),
    "images without a key": (BARE, {"mode": "images"}),
    "timestamp": (TABLE, {"mode": "timestamp", "columns": ["AT"], "snapshot": False}),
    "rowscn": (TABLE, {"mode": "rowscn", "snapshot": False}),
    "mview_log": (TABLE, {"mode": "mview_log", "snapshot": False}),
    "snapshot": (TABLE, {"mode": "flashback"}),
    "flashback": (TABLE, {"mode": "flashback", "snapshot": False}),
}


@pytest.fixture(autouse=True)
def items(peer: OraclePeer) -> None:
    columns = [("ID", "NUMBER(9) NOT NULL"), ("AT", "DATE")]
    table = peer.store.create("SALES", "ITEMS", columns, key=["ID"])
    peer.store.create_log(table)
    peer.store.create("SALES", "BARE", columns)
    for name in (TABLE, "SALES.MLOG$_ITEMS"):
        peer.grants.grant("DELETE", name)


def fill(peer: OraclePeer) -> None:
    for name in (TABLE, BARE):
        for number in range(ROWS):
            peer.store.insert(name, [{"ID": number, "AT": Stamp.at(Fields(2020, 1, 1, 0, 0, number, 0))}])


def begun(peer: OraclePeer, reader: Reader, mode: str) -> None:
    """Changes are asked for from before there are any."""
    if mode == "flashback":
        reader.take()
    fill(peer)


def rest(reader: Reader) -> Iterator[Batch]:
    while True:
        batch = reader.poll(rows=10)
        yield batch
        reader.published(batch)
        reader.settle()
        if not batch.more:
            return


def numbers(batch: Batch) -> list[int]:
    return [int(row["ID"]) for _, row in events_of(batch)]


def all_of(reader: Reader, code: int) -> list[Batch]:
    """What is read, with one failure in between."""
    batches: list[Batch] = []
    with pytest.raises(BridgeError, match=f"ORA-{code:05}"):
        batches.extend(rest(reader))
    return [*batches, *rest(reader)]


@pytest.mark.parametrize("code", [FATAL, PASSING])
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("mode", MODES)
def test_all_rows_are_read(peer: OraclePeer, mode: str, after: int, code: int) -> None:
    name, options = MODES[mode]
    with reading(peer, name, options) as reader:
        begun(peer, reader, mode)
        peer.switches.refuse_fetch(code, after=after)
        batches = all_of(reader, code)
    found = [one for batch in batches for one in numbers(batch)]
    marks = [batch.scan for batch in batches]
    if mode == "images without a key":  # it can only begin anew
        begin = len(marks) - marks[::-1].index(Scan.FIRST) - 1
        found, marks = [one for batch in batches[begin:] for one in numbers(batch)], marks[begin:]
    assert sorted(found) == list(range(ROWS))
    if "images" in mode:
        assert marks == [Scan.FIRST, *[Scan.MORE] * (len(marks) - 2), Scan.LAST]


@pytest.mark.parametrize("mode", ["images", "timestamp", "rowscn"])
def test_a_resnapshot_reads_all_rows(peer: OraclePeer, mode: str) -> None:
    name, options = MODES[mode]
    fill(peer)
    with reading(peer, name, options) as reader:
        reader.take()
        place: Position = None
        found: list[int] = []
        peer.switches.refuse_fetch(FATAL, after=2)
        failures, more = 0, True
        while more:
            try:
                batch = reader.connector.reread(reader.stream, reader.position, place, {}, Ask(rows=10))
            except PermanentError:
                failures += 1
                continue
            found += numbers(batch)
            place, more = batch.position, batch.more
    assert (failures, found) == (1, list(range(ROWS)))


class _Stop(BaseException):
    """Of a kind that nobody catches."""


@pytest.mark.parametrize("mode", ["images", "timestamp", "rowscn", "mview_log"])
def test_rows_of_a_poll_that_is_broken_off_are_read_again(
    peer: OraclePeer, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, options = MODES[mode]
    fill(peer)
    with reading(peer, name, options) as reader:
        first = reader.poll(rows=10)
        reader.published(first)
        reader.settle()
        with monkeypatch.context() as patch:
            patch.setattr(Flow, "take", _broken)
            with pytest.raises(_Stop):
                reader.poll(rows=10)
        found = [numbers(first), *map(numbers, rest(reader))]
    assert sorted(one for some in found for one in some) == list(range(ROWS))


_take = Flow.take


def _broken(flow: Flow, count: int) -> None:
    _take(flow, count)
    raise _Stop


@pytest.mark.parametrize("error", [TransientError("it failed"), GeneratorExit(), _Stop()])
def test_a_query_that_failed_has_not_ended(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> Iterator[Any]:
        yield from ()
        raise error

    monkeypatch.setattr("connectors.oracle.modes.flow.batches", lambda *_: failing())
    flow = Flow(None, None, Reading(()), Ask())  # type: ignore[arg-type]
    with pytest.raises(type(error)):
        flow.more()
    assert not flow.ended
    with pytest.raises(TransientError, match="failed"):
        flow.more()
