"""The live table shows what the status says."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from bridge.console.board import Board, Rate
from bridge.health import Level, Verdict, judge

DAEMON = {"name": "plant", "version": "1.2", "pid": 7, "uptime_s": 7200.0, "reload_error": None}


def document(events: int = 1234, error: str | None = None) -> dict[str, Any]:
    stream = {
        "state": "FAILED" if error else "RUNNING",
        "health": "critical" if error else "ok",
        "error": error,
        "state_s": 180.0,
        "lag_s": 0.4,
        "events": events,
        "rejects": 2,
        "caveats": ["collapses", "no_deletes"],
    }
    connector = {
        "kind": "jdbc",
        "state": "RUNNING",
        "health": "ok",
        "error": None,
        "state_s": 60.0,
        "restarts": 0,
    }
    return {
        "schema": 1,
        "daemon": DAEMON,
        "connectors": {"erp": {**connector, "streams": {"orders": stream}}},
    }


def shown(board: Board, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(board)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_stream_is_a_row_with_its_figures() -> None:
    board = Board()
    board.show(judge(document()), document())

    text = shown(board)

    assert "plant  legacy-bridge 1.2, up 2 h, pid 7  OK" in text
    (row,) = (line.split() for line in text.splitlines() if "orders" in line)
    assert row == [
        "orders",
        "RUNNING",
        "3",
        "min",
        "0.4",
        "s",
        "1,234",
        "0",
        "2",
        "collapses,",
        "no",
        "deletes",
    ]
    (row,) = (line.split() for line in shown(board, 100).splitlines() if "orders" in line)
    assert row == ["orders", "RUNNING", "3", "min", "0.4", "s", "1,234", "0", "2"]


def test_a_resnapshot_under_way_stands_below_its_stream() -> None:
    board, status = Board(), document()
    stream = status["connectors"]["erp"]["streams"]["orders"]
    stream["resnapshot"] = {"rows": 1200, "at": "12:00", "by": "uid 0", "within": {}, "error": None}
    board.show(judge(status), status)
    assert "    resnapshot: 1,200 rows since 12:00" in shown(board)


def test_a_narrow_terminal_has_fewer_columns_and_no_cut_words() -> None:
    board = Board()
    board.show(judge(document()), document())

    text = shown(board, 40)

    (row,) = (line.split() for line in text.splitlines() if "orders" in line)
    assert row == ["orders", "RUNNING", "3", "min", "0.4", "s"]
    assert "dead letters" not in text


def test_what_is_wrong_stands_below_the_table() -> None:
    board = Board()
    board.show(judge(document(error="no grant [x]")), document(error="no grant [x]"))

    assert "CRITICAL erp/orders FAILED for 3 min: no grant [x]" in shown(board)


def test_a_daemon_that_is_down_is_said_to_be_down() -> None:
    board = Board()
    board.show(Verdict(Level.CRITICAL, "the daemon is down"), {})

    assert shown(board).strip() == "CRITICAL the daemon is down"


def test_a_rate_is_growth_over_the_last_seconds() -> None:
    rate = Rate()
    for second in range(10):
        rate.saw(second, second * 50)

    assert rate.per_s == 50


def test_a_counter_that_starts_again_has_no_negative_rate() -> None:
    rate = Rate()
    rate.saw(0.0, 1000)
    rate.saw(1.0, 10)

    assert rate.per_s == 0
