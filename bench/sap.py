"""The measures of the SAP connector: a table beside the bare client, polls at rest, what conversion costs.

The system is simulated (bridge.testing.sap), and a process of its own: only what a client spends is measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

import pyrfc
import saprfclib

from bench.measures import Measure
from bench.processes import cpu_s, pss_mib
from bench.stage import fresh
from bridge.contract import Ask
from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.kafka import KafkaBroker, qualify
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.tables import wide
from connectors.sap_rfc import SapConnector
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.texts import lines, slices, texts_to_array
from connectors.sap_rfc.types import Column, column
from connectors.sap_rfc.values import values_to_array

ORDERS, LINES, ROUNDS = 2_000, 10, 5
"""Answers of a function that are converted at once, each with a structure and a table of lines."""
WIDE = (10, 8, 6, *[48] * 10, 8)
"""Characters of the columns of a table: 512 in a row."""
ROWS, FEW, PAGE, TURNS = 100_000, 20, 1_000, 2
"""Rows of the simulated table; PAGE: of a call of the bare client, which is what suits saprfclib best."""
VARIABLE, CLIENT, WIDE_TABLE = "BENCH_SAP_PASSWORD", "100", "ZBRIDGE_WIDE"
CUSTOMERS, SETTLE_S, WATCH_S = 300, 65.0, 30.0
PATIENCE_S = 240

type Call = Callable[..., Mapping[str, Any]]


def measures() -> Iterator[Measure]:
    yield from _nested()
    yield from _texts()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with KafkaBroker() as broker:
            qualify(broker.address)
            yield from _compressed(folder, broker.address)
            with _alone(ROWS) as host:
                yield from _plain(folder, broker.address, host, "saprfclib", must=1.5)
                yield from _plain(folder, broker.address, host, "pyrfc")
                yield from _rest(folder, broker.address, host)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- answers of functions

_SCHEDULE = Field(
    "SCHEDULES",
    Kind.TABLE,
    fields=(Field("EDATU", Kind.DATE, 8), Field("EZEIT", Kind.TIME, 6), Field("WMENG", Kind.BCD, 13, 3)),
)
_LINE = (
    Field("POSNR", Kind.NUM, 6),
    Field("MATNR", Kind.CHAR, 18),
    Field("NETPR", Kind.BCD, 11, 2),
    Field("KWMENG", Kind.BCD, 15, 3),
    Field("VRKME", Kind.CHAR, 3),
    _SCHEDULE,
)
_HEAD = Field(
    "HEAD",
    Kind.STRUCTURE,
    fields=(
        Field("VBELN", Kind.CHAR, 10),
        Field("ERDAT", Kind.DATE, 8),
        Field("ERZET", Kind.TIME, 6),
        Field("NETWR", Kind.BCD, 15, 2),
        Field("COUNT", Kind.INT),
        Field("GUID", Kind.BYTE, 16),
        Field("NOTE", Kind.STRING),
    ),
)
ORDER = Field("ORDER", Kind.STRUCTURE, fields=(_HEAD, Field("LINES", Kind.TABLE, fields=_LINE)))


def orders(count: int, lines: int) -> list[dict[str, Any]]:
    """As clients answer them."""
    return [{"HEAD": _head(at), "LINES": [_line(at, each) for each in range(lines)]} for at in range(count)]


def _head(at: int) -> dict[str, Any]:
    return {
        "VBELN": f"{at:010}",
        "ERDAT": f"2024{1 + at % 12:02}{1 + at % 28:02}",
        "ERZET": f"{at % 24:02}3000",
        "NETWR": Decimal(at).scaleb(-2),
        "COUNT": at,
        "GUID": at.to_bytes(16),
        "NOTE": f"order {at}, Zürich",
    }


def _line(at: int, line: int) -> dict[str, Any]:
    schedules = [{"EDATU": "20240229", "EZEIT": "000000", "WMENG": Decimal(line).scaleb(-3)}] * 2
    return {
        "POSNR": f"{10 * line:06}",
        "MATNR": f"M-{at % 97:05}-{line}",
        "NETPR": Decimal(at + line).scaleb(-2),
        "KWMENG": Decimal(line),
        "VRKME": "ST",
        "SCHEDULES": schedules,
    }


def _fields(value: Any) -> int:
    """The elementary values in it."""
    if isinstance(value, dict):
        return sum(map(_fields, value.values()))
    return sum(map(_fields, value)) if isinstance(value, list) else 1


def _nested() -> Iterator[Measure]:
    answers = orders(ORDERS, LINES)
    fields = sum(map(_fields, answers))
    spent = median(_seconds(lambda: values_to_array(ORDER, answers)) for _ in range(ROUNDS))
    yield Measure(
        f"answers of functions, nested, {fields // ORDERS} fields each, {ORDERS} at once",
        fields / spent,
        "fields/s",
        must=200_000,
        better="more",
    )
    few = answers[:ROUNDS]
    spent = median(_seconds(lambda: [values_to_array(ORDER, [each]) for each in few]) for _ in range(ROUNDS))
    yield Measure("the same, one answer at a time", sum(map(_fields, few)) / spent, "fields/s")


# -- a table


@contextmanager
def _alone(rows: int, *options: str) -> Iterator[str]:
    """The host of a system in a process of its own."""
    command = [sys.executable, "-m", "bridge.testing.sap", "--wide", str(rows), "--rate", "0", *options]
    command += ["--customers", str(CUSTOMERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().partition(",")[0]
        finally:
            process.terminate()


def _compressed(folder: Path, address: str) -> Iterator[Measure]:
    """As systems send them. Before anything else, since our client changes how the library expands tables."""
    assert "connectors.sap_rfc.clients.pure" not in sys.modules
    with _alone(ROWS, "--compress") as host:
        bare = _bare(host, "saprfclib", ROWS)
        ours = _worker(folder, address, host, "saprfclib", ROWS)
    yield Measure(f"{ROWS:,} rows that come compressed, the bare saprfclib", bare, "us of CPU/row")
    yield Measure("the worker, all of it", ours, "us of CPU/row")
    yield Measure("the worker against the bare client", ours / bare, "x", must=1.5)


def _plain(
    folder: Path, address: str, host: str, library: str, must: float | None = None
) -> Iterator[Measure]:
    bare = median(_bare(host, library, ROWS) for _ in range(TURNS))
    polls = median(_polls(host, library) for _ in range(TURNS))
    ours = median(_worker(folder, address, host, library, ROWS) for _ in range(TURNS))
    yield Measure(f"{ROWS:,} plain rows, the bare {library}", bare, "us of CPU/row")
    yield Measure("the connector's polls", polls, "us of CPU/row")
    yield Measure("the worker, all of it", ours, "us of CPU/row")
    yield Measure("the connector's polls against the bare client", polls / bare, "x", must=must)
    yield Measure("the worker against the bare client", ours / bare, "x")


def _polls(host: str, library: str) -> float:
    """Microseconds of processor a row, in this process."""
    os.environ[VARIABLE] = SapPeer.password
    options = {**_options(host, library), "streams": {WIDE_TABLE: _stream(ROWS)}}
    connector = SapConnector(SapConnector.Config.model_validate(options))
    connector.prepare()
    try:
        connector.open()
        (stream,) = connector.discover()
        found, position, more = 0, None, True
        began = time.process_time()
        while more:
            batch = connector.poll(stream, position, Ask())
            found, position, more = found + batch.rows, batch.position, batch.more
        took = time.process_time() - began
    finally:
        connector.close()
    assert found == ROWS
    return 1e6 * took / ROWS


def _worker(folder: Path, address: str, host: str, library: str, rows: int) -> float:
    """Microseconds of processor a row: two workers live equally long and differ in the rows they read."""
    many, lived = _life(folder, address, host, library, rows)
    few, _ = _life(folder, address, host, library, FEW, lived)
    return 1e6 * (many - few) / (rows - FEW)


def _life(
    folder: Path, address: str, host: str, library: str, rows: int, lives: float = 0.0
) -> tuple[float, float]:
    """Seconds of processor of a worker that reads the rows, and how long it lived: `lives` at least."""
    name = fresh("copy")
    connector = {
        "kind": "sap",
        **_options(host, library),
        "interval": "60s",
        "streams": {WIDE_TABLE: _stream(rows)},
    }
    with _daemon(folder / name, address, {name: connector}) as daemon:
        wait_until(lambda: daemon.worker_pid(name), PATIENCE_S, "a worker", 0.02)
        began, pid = time.monotonic(), daemon.worker_pid(name)
        assert pid is not None

        def read() -> bool:
            return int(daemon.stream(name, WIDE_TABLE).get("events") or 0) >= rows

        wait_until(read, PATIENCE_S, f"{rows} rows by {library}", 0.5)
        time.sleep(max(0.0, lives - (time.monotonic() - began)))
        return cpu_s(pid), time.monotonic() - began


def _daemon(folder: Path, address: str, connectors: Mapping[str, Any]) -> DaemonProcess:
    return DaemonProcess(folder, address, connectors, environment={VARIABLE: SapPeer.password})


def _options(host: str, library: str) -> dict[str, Any]:
    account = {"ashost": host, "sysnr": "00", "client": CLIENT, "user": SapPeer.user}
    return {**account, "password": f"env:{VARIABLE}", "library": library}


def _stream(rows: int) -> dict[str, Any]:
    return {"mode": "table", "columns": ["AEDAT", "AEZET"], "where": f"K < '{rows:010}'"}


def _bare(host: str, library: str, rows: int) -> float:
    """Microseconds of processor a row."""
    call, close = _connected(host, library)
    names = [each.name for each in wide().row.fields if each.name != "MANDT"]
    began = time.process_time()
    for at in range(0, rows, PAGE):
        condition = f"K >= '{at:010}' AND K < '{at + PAGE:010}'"
        answer = call(
            "RFC_READ_TABLE",
            QUERY_TABLE=WIDE_TABLE,
            FIELDS=[{"FIELDNAME": name} for name in names],
            OPTIONS=[{"TEXT": condition}],
        )
        assert len(answer["DATA"]) == min(PAGE, rows - at)
    took = time.process_time() - began
    close()
    return 1e6 * took / rows


def _connected(host: str, library: str) -> tuple[Call, Callable[[], None]]:
    logon = {"ashost": host, "sysnr": "00", "client": CLIENT, "lang": "EN"}
    logon |= {"user": SapPeer.user, "passwd": SapPeer.password}
    connect: Any = pyrfc.Connection if library == "pyrfc" else saprfclib.connect
    connection = connect(**logon)
    return connection.call, connection.close


# -- polls of what rests


def _rest(folder: Path, address: str, host: str) -> Iterator[Measure]:
    """A worker of a stream of each mode in which nothing happens, polled every second."""
    name = fresh("rest")
    streams: dict[str, dict[str, Any]] = {
        "KNA1": {"mode": "table", "columns": ["UPDAT", "UPTIM"]},
        "changes": {"mode": "change_documents", "classes": ["DEBI"]},
        "pointers": {"mode": "change_pointers", "message_type": "DEBMAS"},
    }
    late = {"late_window": "30s"}  # only after it nothing is asked for twice
    streams = {stream: {**options, **late} for stream, options in streams.items()}
    connector = {"kind": "sap", **_options(host, "saprfclib"), "interval": "1s", "streams": streams}
    with _daemon(folder / name, address, {name: connector}) as daemon:
        wait_until(lambda: daemon.stream(name, "KNA1").get("events"), PATIENCE_S, "events of KNA1")
        pid = daemon.worker_pid(name)
        assert pid is not None
        time.sleep(SETTLE_S)
        began, used = time.monotonic(), cpu_s(pid)
        time.sleep(WATCH_S)
        share = (cpu_s(pid) - used) / (time.monotonic() - began)
        yield Measure("idle worker of three streams, memory", pss_mib(pid), "MiB PSS", must=90)
    yield Measure("the same at polls of 1 s", 100 * share, "% of a core")


# -- rows of tables, converted


def _texts() -> Iterator[Measure]:
    """What the worker does to the client's answer, without the call."""
    data = [{"WA": f"{at:010}20240229235959" + "text " * 96 + f"{at % 999999:7}-"} for at in range(ROWS)]
    columns = [_column(at, length) for at, length in enumerate(WIDE)]
    places = list(zip(accumulate(WIDE, initial=0), WIDE, strict=False))

    def read() -> None:
        for each, texts in zip(columns, slices(lines(data), places), strict=True):
            assert not texts_to_array(each, texts).refused

    spent = median(_seconds(read) for _ in range(ROUNDS))
    yield Measure(
        f"{ROWS:,} rows of {sum(WIDE)} characters as Arrow, without the call", 1e6 * spent / ROWS, "us/row"
    )


def _column(at: int, length: int) -> Column:
    abap, inttype = {1: ("DATS", "D"), 2: ("TIMS", "T"), len(WIDE) - 1: ("DEC", "P")}.get(at, ("CHAR", "C"))
    dfies = {"FIELDNAME": f"C{at}", "DATATYPE": abap, "INTTYPE": inttype, "LENG": length, "DECIMALS": 0}
    return column(dfies)


def _seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began
