"""`health`, `pause` and `resume` against a daemon that runs on a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteSource
from tests.commands import command

COMMAND = str(Path(sys.executable).with_name("legacy-bridge"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("health")


@pytest.fixture(scope="module")
def daemon(folder: Path, broker: Broker) -> Iterator[DaemonProcess]:
    """`hlt-good` runs; `hlt-gone` waits for its database; `hlt-bad` is parked for its configuration."""
    SqliteSource(folder / "good.db", ["orders", "items"]).insert(100)
    connectors: dict[str, Any] = {
        "hlt-good": {"path": str(folder / "good.db"), "streams": {"orders": {}, "items": {}}},
        "hlt-gone": {"path": str(folder / "missing.db"), "streams": {"orders": {}}},
        "hlt-bad": {"path": str(folder / "good.db"), "streams": {"ordres": {}}},
    }
    settings = {name: {"kind": "sqlite", "interval": "100ms", **each} for name, each in connectors.items()}
    with DaemonProcess(folder / "daemon", broker.address, settings) as process:
        wait_until(lambda: process.stream("hlt-good", "orders").get("events") == 100, 60, "the first events")
        wait_until(lambda: process.connector("hlt-gone").get("state") == "BACKOFF", 60, "back-off")
        wait_until(lambda: process.connector("hlt-bad").get("state") == "FAILED", 60, "park")
        yield process


def test_a_daemon_whose_streams_run_is_ok(daemon: DaemonProcess) -> None:
    done = command("health", daemon.config, "--connector", "hlt-good")

    assert done.returncode == 0
    assert done.stdout.startswith("BRIDGE OK - test: streams: 2 RUNNING, lag 0.")
    assert "events=100c" in done.stdout


def test_a_source_that_is_gone_is_a_warning_that_names_it(daemon: DaemonProcess, folder: Path) -> None:
    done = command("health", daemon.config, "--connector", "hlt-gone")

    assert done.returncode == 1
    assert "hlt-gone BACKOFF for" in done.stdout
    assert f"no database at {folder / 'missing.db'}" in done.stdout


def test_a_parked_connector_makes_the_daemon_critical_and_comes_first(daemon: DaemonProcess) -> None:
    done = command("health", daemon.config)

    assert done.returncode == 2
    assert done.stdout.startswith("BRIDGE CRITICAL - hlt-bad FAILED for")
    assert "no table 'ordres'; there are: items, orders; also hlt-gone BACKOFF" in done.stdout


def test_json_holds_the_verdict_and_the_status(daemon: DaemonProcess) -> None:
    done = command("health", daemon.config, "--json")

    document = json.loads(done.stdout)
    assert (document["schema"], document["health"], document["code"]) == (1, "critical", 2)
    assert document["reasons"][0]["where"] == "hlt-bad"
    assert document["connectors"]["hlt-good"]["streams"]["orders"]["events"] == 100
    assert document["daemon"]["config"] == str(daemon.config)


def test_every_field_of_the_status_is_documented(daemon: DaemonProcess) -> None:
    document = json.loads(command("health", daemon.config, "--json").stdout)
    connector = document["connectors"]["hlt-good"]
    told = (Path(__file__).parents[2] / "docs" / "health.md").read_text()

    fields = [*document, *document["daemon"], *connector, *connector["streams"]["orders"]]
    assert not [field for field in fields if f"`{field}`" not in told]


def test_a_stopped_daemon_is_critical(daemon: DaemonProcess) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        done = command("health", daemon.config)
    finally:
        daemon.process.send_signal(signal.SIGCONT)

    assert done.returncode == 2
    assert done.stdout.startswith("BRIDGE CRITICAL - the daemon is there but did not answer within 150 ms")


def test_a_daemon_that_is_down_is_critical_with_that_word(tmp_path: Path) -> None:
    done = command("health", "--socket", tmp_path)

    assert done.returncode == 2
    assert done.stdout.startswith("BRIDGE CRITICAL - the daemon is down")
    assert done.stderr == ""


def test_what_cannot_be_known_is_unknown(daemon: DaemonProcess, tmp_path: Path) -> None:
    missing = command("health", tmp_path / "missing.yaml")
    other = command("health", daemon.config, "--connector", "nowhere")
    usage = command("health", "--nonsense")

    assert [each.returncode for each in (missing, other, usage)] == [3, 3, 3]
    assert missing.stdout.startswith(f"BRIDGE UNKNOWN - {tmp_path}/missing.yaml: cannot read the file")
    assert other.stdout.startswith("BRIDGE UNKNOWN - no connector 'nowhere'; there are: hlt-good")


def test_the_watch_prints_a_line_each_interval_in_a_pipe_and_ends_cleanly(daemon: DaemonProcess) -> None:
    watching = subprocess.Popen(
        [COMMAND, "health", str(daemon.config), "--watch", "--interval", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    lines = [watching.stdout.readline() for _ in range(3)]
    watching.send_signal(signal.SIGINT)
    _, complaints = watching.communicate(timeout=20)

    assert all(line.startswith("BRIDGE CRITICAL - hlt-bad") for line in lines)
    assert (watching.returncode, complaints) == (0, "")


def test_a_paused_stream_waits_over_a_restart_until_it_is_resumed(broker: Broker, tmp_path: Path) -> None:
    source = SqliteSource(tmp_path / "db")
    source.insert(10)
    connector = {
        "kind": "sqlite",
        "path": str(tmp_path / "db"),
        "interval": "100ms",
        "streams": {"orders": {}},
    }
    process = DaemonProcess(tmp_path / "daemon", broker.address, {"hlt-pause": connector})
    with process:
        wait_until(lambda: process.stream("hlt-pause", "orders").get("events") == 10, 60, "events")
        paused = command("pause", "hlt-pause", process.config, "--stream", "orders")
        process.stop()
        source.insert(5)
        process.start()
        wait_until(lambda: process.stream("hlt-pause", "orders").get("state") == "PAUSED", 60, "PAUSED")
        seen = command("health", process.config)
        resumed = command("resume", "hlt-pause", process.config)
        wait_until(lambda: process.stream("hlt-pause", "orders").get("events") == 5, 60, "the rest")

    assert (paused.returncode, resumed.returncode) == (0, 0)
    assert paused.stdout == f"hlt-pause/orders was RUNNING, is PAUSED: by uid {os.getuid()}\n"
    assert resumed.stdout == "hlt-pause/orders was PAUSED, is RUNNING\n"
    assert seen.returncode == 1
    assert "hlt-pause/orders PAUSED for" in seen.stdout
    orders = [line for line in process.lines() if line.get("event") == "operator"]
    assert [(each["command"], each["by"]) for each in orders] == [
        ("pause", f"uid {os.getuid()}"),
        ("resume", f"uid {os.getuid()}"),
    ]


def test_one_stream_of_a_paused_connector_can_be_resumed_for_good(broker: Broker, tmp_path: Path) -> None:
    SqliteSource(tmp_path / "db", ["orders", "items"]).insert(1)
    streams: dict[str, Any] = {"orders": {}, "items": {}}
    connector = {"kind": "sqlite", "path": str(tmp_path / "db"), "interval": "100ms", "streams": streams}
    process = DaemonProcess(tmp_path / "daemon", broker.address, {"hlt-part": connector})

    def states() -> list[str | None]:
        return [process.stream("hlt-part", name).get("state") for name in streams]

    with process:
        wait_until(lambda: states() == ["RUNNING", "RUNNING"], 60, "RUNNING")
        assert command("pause", "hlt-part", process.config).returncode == 0
        assert states() == ["PAUSED", "PAUSED"]
        assert command("resume", "hlt-part", process.config, "--stream", "orders").returncode == 0
        process.stop()
        process.start()
        wait_until(lambda: states() == ["RUNNING", "PAUSED"], 60, "one of two")


def test_resume_tries_a_parked_connector_again(broker: Broker, tmp_path: Path) -> None:
    SqliteSource(tmp_path / "db", [])
    connector = {"kind": "sqlite", "path": str(tmp_path / "db"), "interval": "100ms", "streams": {"late": {}}}
    with DaemonProcess(tmp_path / "daemon", broker.address, {"hlt-park": connector}) as process:
        wait_until(lambda: process.connector("hlt-park").get("state") == "FAILED", 60, "park")
        in_vain = command("resume", "hlt-park", process.config)
        SqliteSource(tmp_path / "db", ["late"]).insert(3, "late")
        resumed = command("resume", "hlt-park", process.config)
        wait_until(lambda: process.stream("hlt-park", "late").get("events") == 3, 60, "events")

    assert in_vain.returncode == 1
    assert in_vain.stdout.startswith("hlt-park is FAILED: no table 'late'")
    assert resumed.returncode == 0
    assert "is FAILED" not in resumed.stdout


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["pause", "nowhere"], "pause: no connector 'nowhere'; there are: hlt-good, hlt-gone, hlt-bad\n"),
        (["pause", "hlt-good", "--stream", "x"], "pause: no stream 'x'; there are: items, orders\n"),
        (
            ["pause", "hlt-bad"],
            "pause: hlt-bad has no worker at work (no table 'ordres'; there are: items, orders)\n",
        ),
    ],
)
def test_an_order_that_cannot_be_obeyed_is_one_line(
    daemon: DaemonProcess, words: list[str], error: str
) -> None:
    done = command(*words, "--socket", daemon.folder / "run")

    assert (done.returncode, done.stderr, done.stdout) == (1, error, "")


def test_an_order_to_a_daemon_that_is_down_is_one_line(tmp_path: Path) -> None:
    done = command("resume", "erp", "--socket", tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("the daemon is down: there is no ")
    assert len(done.stderr.splitlines()) == 1
