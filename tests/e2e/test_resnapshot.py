"""All rows once more, ordered of a running daemon: whoever dies in the middle of it, each row comes once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.testing.daemon import consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.killing import Step
from tests.e2e.evidence import command, doomed, in_state, meanwhile, source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS, CHUNK = 2500, 100
DEATHS = [(Step.DURING_COMMIT, 8), (Step.AFTER_COMMIT, 6)]
CHANGED = "UPDATE orders SET payload = payload || '.' WHERE id % 500 = 7"


def test_each_row_comes_once_however_often_workers_are_killed(
    broker: Broker, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    legacy.insert(ROWS)
    small = {"prefetch": {"rows": CHUNK}, "transaction": {"rows": CHUNK}, "interval": "300ms"}
    stream = {"kind": "sqlite", "path": str(legacy.path), "streams": {"orders": {"images": True}}, **small}
    daemon, plan = doomed(tmp_path / "daemon", broker.address, {name: stream}, ())

    def order(*words: str) -> str:
        done = command(*words, "--socket", daemon.folder / "run")
        return done.stdout + done.stderr

    def change() -> None:
        with legacy.session() as database:
            database.execute(CHANGED)

    def events() -> list[Any]:
        return [each.event for each in consume(broker.address, f"{name}.orders") if each.value]

    with daemon:
        wait_until(lambda: daemon.stream(name, "orders").get("scans", 0) > 0, 60, "a first scan")
        before = len(events())
        order("pause", name)
        assert "is PAUSED, and it waits for that" in order("resnapshot", name)
        assert "under way since" in order("resnapshot", name, "--stream", "orders")
        shown = command("positions", "show", daemon.config, name).stdout
        assert f"resnapshot by uid {os.getuid()} at " in shown
        plan.write(DEATHS)
        os.kill(daemon.worker_pid(name) or 0, signal.SIGKILL)
        with meanwhile(change, 0.1):
            wait_until(lambda: daemon.connector(name)["restarts"], 30, "another worker")
            in_state(daemon, name, "PAUSED")
            assert "was PAUSED" in order("resume", name)
            wait_until(lambda: daemon.stream(name, "orders").get("resnapshots"), 100, "the last row", 0.2)
        assert daemon.stream(name, "orders")["resnapshot"] is None
        wait_until(lambda: payloads(events()) == legacy.rows(), 60, "the topic to be the table", 0.3)
        assert "no resnapshot is under way" in order("resnapshot", name, "--cancel")
    assert plan.left == 0
    again = Counter(each["after"]["id"] for each in events()[before:] if each["op"] == "r")
    assert again == dict.fromkeys(legacy.ids(), 1)


def payloads(events: list[Any]) -> dict[int, str]:
    """The topic, folded; there are no deletes in it."""
    return {each["after"]["id"]: each["after"]["payload"] for each in events}
