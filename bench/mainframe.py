"""The measures of the mainframe connector: screens, maps, sessions, memory, records."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from bench import turning
from bench.measures import Measure
from bench.processes import pss_mib
from bench.stage import fresh
from bench.turning import SELECTION_AT, Server, cell, server, signed_on, until
from bridge.contract import Ask, Position
from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.kafka import KafkaBroker, qualify
from bridge.testing.mainframe.options import INQUIRY, LIST, MAPS, PASSWORD_VARIABLE, options
from connectors.mainframe import MainframeConnector, maps, recognise
from connectors.mainframe.records.copybook import grammar
from connectors.mainframe.records.copybook.decode import Decoder
from connectors.mainframe.records.copybook.encode import Encoder
from connectors.mainframe.records.copybook.layout import layout
from connectors.mainframe.records.options import RecordOptions
from connectors.mainframe.screen import Screen

INQUIRIES, SESSIONS, SLOW_MS = 1_000, 8, 50
SETTLE_S = 20.0
APPLICATIONS, RECORDS, ROUNDS = 1_000, 100_000, 5


def measures() -> Iterator[Measure]:
    yield from turning.measures()
    yield from _maps()
    yield from _inquiries()
    yield from _records()
    yield from _idle()


# -- maps


def _maps() -> Iterator[Measure]:
    known = maps.load([MAPS])
    for name, screen in _screens().items():

        def apply(screen: Screen = screen, name: str = name) -> None:
            found = recognise.identify(known, screen)
            recognise.host_error(known, screen, found.name)
            told = known.screens[name]
            recognise.page(told, screen) if told.table else recognise.record(told, screen)

        microseconds = 1e6 * median(_seconds(apply, APPLICATIONS) for _ in range(ROUNDS))
        yield Measure(f"map applied to a screen of 24x80, {name}", microseconds, "us", must=150)


def _screens() -> Mapping[str, Screen]:
    """Of the host: an answer, a customer's detail, and a page of a list with 15 rows of 5 fields."""
    with server() as host, signed_on("tnz", host) as client:
        client.type(cell(SELECTION_AT), "2")
        client.press("enter")
        listed = until(client, "CUSTOMER LIST")
        client.type(cell((5, 3)), "S")
        client.press("enter")
        detail = until(client, "CUSTOMER DETAIL")
        client.press("clear")
        until(client, "")
        client.type(0, "CUSTINQ")
        client.press("enter")
        until(client, "CUSTOMER INQUIRY")
        for row, text in ((3, "00000020"), (4, "BALANCE")):
            client.type(cell((row, 18)), text)
        client.press("enter")
        return {"balance": until(client, "CUSTOMER BALANCE"), "custdet": detail, "custlist": listed}


def _seconds(action: Callable[[], object], times: int) -> float:
    """Of the processor, each."""
    began = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - began) / times


# -- inquiries


def _inquiries() -> Iterator[Measure]:
    with server(delay_ms=SLOW_MS, customers=INQUIRIES) as host:
        os.environ[PASSWORD_VARIABLE] = host.password
        alone, together = _asked(host, 1), _asked(host, SESSIONS)
    told = f"of a host that takes {SLOW_MS} ms"
    yield Measure(f"{INQUIRIES:,} inquiries {told}, one session", INQUIRIES / alone, "inquiries/s")
    yield Measure(f"the same, {SESSIONS} sessions", INQUIRIES / together, "inquiries/s")
    yield Measure(f"{SESSIONS} sessions against one", alone / together, "x", must=6, better="more")


def _asked(host: Server, sessions: int) -> float:
    """Seconds of a scan, by sessions that have logged on before."""
    keys = [{"customer_id": f"{10 * number:08}"} for number in range(1, INQUIRIES + 1)]
    streams = {"warm": INQUIRY | {"keys": keys[:SESSIONS]}, "all": INQUIRY | {"keys": keys}}
    config = MainframeConnector.Config.model_validate(options(host, streams, sessions=sessions))
    connector = MainframeConnector(config)
    try:
        connector.open()
        _scanned(connector, "warm")
        began = time.monotonic()
        rows = _scanned(connector, "all")
        assert rows == INQUIRIES, rows
        return time.monotonic() - began
    finally:
        connector.close()


def _scanned(connector: MainframeConnector, name: str) -> int:
    """The rows of one scan."""
    (stream,) = (each for each in connector.discover() if each.name == name)
    position: Position | None = None
    rows = 0
    while True:
        batch = connector.poll(stream, position, Ask(rows=10_000))
        position, rows = batch.position, rows + sum(len(each.rows) for each in batch.changes)
        if not batch.more:
            return rows


# -- records


def _records() -> Iterator[Measure]:
    """Of an extract file; seconds of processor time, so that it is one core's rate."""
    lines = [f"           05 F{number:02} {clause}." for number, clause in enumerate(FIELDS * 4)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "R.cpy"
        path.write_text("\n".join(["       01 R.", *lines, ""]))
        told = RecordOptions.model_validate({"copybook": path})
        found = layout(grammar.parse(path), told)
    decoder, encoder, chance = Decoder(found, told), Encoder(found, told), random.Random(7)
    some = b"".join(encoder.encode(_row(chance)) for _ in range(RECORDS // 10))
    data = some * 10
    rates = []
    for _ in range(ROUNDS):
        took = _seconds(lambda: decoder.fixed(data), 1)
        rates.append(RECORDS / took)
    assert len(decoder.fixed(some).rows) == RECORDS // 10
    yield Measure("records of 20 fields decoded", median(rates), "records/s", must=40_000, better="more")


FIELDS = ("PIC 9(8)", "PIC X(20)", "PIC S9(7)V99 COMP-3", "PIC S9(9) COMP", "PIC S9(5)V99")


def _row(chance: random.Random) -> Mapping[str, Any]:
    values: tuple[Callable[[], Any], ...] = (
        lambda: chance.randrange(10**8),
        lambda: f"TEXT {chance.randrange(10**6)}",
        lambda: Decimal(chance.randrange(-(10**9), 10**9)) / 100,
        lambda: chance.randrange(-(10**9), 10**9),
        lambda: Decimal(chance.randrange(-(10**7), 10**7)) / 100,
    )
    return {f"f{number:02}": value() for number, value in enumerate(values * 4)}


# -- memory


def _idle() -> Iterator[Measure]:
    """A worker over each transport, with a list of 300 customers to be read each minute, and at rest."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with KafkaBroker() as broker, server() as host:
            qualify(broker.address)
            connectors = {fresh(name): _reader(host, name) for name in turning.BARE}
            around = {PASSWORD_VARIABLE: host.password}
            with DaemonProcess(folder, broker.address, connectors, environment=around) as daemon:
                yield from _resting(daemon, list(connectors))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reader(host: Server, transport: str) -> dict[str, Any]:
    whole = options(host, {"customers": LIST}, transport=transport)
    return {"kind": "mainframe", "interval": "60s", **whole}


def _resting(daemon: DaemonProcess, names: list[str]) -> Iterator[Measure]:
    wait_until(
        lambda: all(daemon.stream(name, "customers").get("events") for name in names), 60, "the customers"
    )
    time.sleep(SETTLE_S)
    for name in names:
        pid = daemon.worker_pid(name)
        assert pid is not None
        kind, children = name.partition("-")[0], _children(pid)
        yield Measure(f"idle memory, worker over {kind}", pss_mib(pid), "MiB PSS", must=90)
        if children:
            yield Measure(f"idle memory, its {kind}", sum(map(pss_mib, children)), "MiB PSS")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
