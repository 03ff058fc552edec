"""The daemon as its service manager and its operators see it: stop, reload, pause, notifications, pages."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.supervisor import ONCE_S
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.hostile import Whim, plan
from bridge.testing.kafka import Broker, KafkaBroker, free_ports
from tests.e2e.evidence import Start, arrived, command, in_state, published, reload, source, sqlite, writing

pytestmark = pytest.mark.slow

PAGES = f"pages-{uuid4().hex[:8]}"
STOP_S = 10.0
HAND_OVER_S = 1.0
"""From the signal in our process to the exit code in our hands, on a busy machine."""


# -- SIGTERM


def test_sigterm_ends_the_daemon_within_10_s_whatever_hangs_and_nothing_is_lost(
    broker: Broker, fragile: KafkaBroker, start: Start, tmp_path: Path, name: str
) -> None:
    """Three daemons at once: all well; the broker stalled; the source hanging where nothing interrupts."""
    sources = {which: source(tmp_path / f"{which}.db") for which in ("well", "stalled", "hanging")}
    daemons = {
        which: start(
            {f"{name}-{which}": sqlite(legacy.path, "hostile", deadline="60s")},
            fragile.address if which == "stalled" else broker.address,
        )
        for which, legacy in sources.items()
    }
    with writing(*sources.values()):
        for which, daemon in daemons.items():
            in_state(daemon, f"{name}-{which}", "RUNNING")
        fragile.pause()
        plan(sources["hanging"].path, (Whim.HANG, ""))
        time.sleep(2.0)
        took = stopped(daemons)
    fragile.resume()
    assert {which: code for which, (code, _) in took.items()} == dict.fromkeys(daemons, 0)
    assert max(seconds for _, seconds in took.values()) < STOP_S + HAND_OVER_S
    assert "the connector did not return when asked to stop" in daemons["hanging"].logged()
    for daemon in daemons.values():
        daemon.start()
    for which, legacy in sources.items():
        address = fragile.address if which == "stalled" else broker.address
        assert arrived(address, f"{name}-{which}.orders", legacy.ids()) == legacy.ids()


def test_a_kafka_that_falls_silent_shows_while_there_is_nothing_to_write(
    fragile: KafkaBroker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    legacy.insert(3)
    daemon = start({name: sqlite(legacy.path)}, fragile.address)
    assert len(arrived(fragile.address, f"{name}.orders", legacy.ids())) == 3
    fragile.pause()
    wait_until(lambda: daemon.stream(name, "orders")["state"] == "BACKOFF", 20, "the silence to show")
    fragile.resume()
    in_state(daemon, name, "RUNNING")


def stopped(daemons: Mapping[str, DaemonProcess]) -> dict[str, tuple[int, float]]:
    """Exit code and seconds of every daemon, all told to stop at once."""
    began = time.monotonic()
    took: dict[str, tuple[int, float]] = {}

    def wait(which: str, daemon: DaemonProcess) -> None:
        took[which] = (daemon.stop(30), time.monotonic() - began)

    threads = [threading.Thread(target=wait, args=each) for each in daemons.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def test_a_second_signal_cuts_the_shutdown_short(start: Start, tmp_path: Path, name: str) -> None:
    legacy = source(tmp_path / "erp.db")
    daemon = start({name: sqlite(legacy.path, "hostile")})
    in_state(daemon, name, "RUNNING")
    plan(legacy.path, (Whim.HANG, ""))
    time.sleep(1.0)
    assert daemon.process is not None
    daemon.process.terminate()
    wait_until(lambda: '"stopping"' in daemon.logged(), what="the first signal is heard")
    time.sleep(2 * ONCE_S)
    daemon.process.terminate()
    assert daemon.process.wait(3.0) == 1


# -- SIGHUP


def test_sighup_adds_removes_and_changes_connectors_and_leaves_the_others_alone(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    names = {which: f"{name}-{which}" for which in ("kept", "changed", "removed", "added")}
    sources = {which: source(tmp_path / f"{which}.db") for which in names}
    for legacy in sources.values():
        legacy.insert(10)
    first = {names[which]: sqlite(sources[which].path) for which in ("kept", "changed", "removed")}
    daemon = start(first)
    for each in first:
        in_state(daemon, each, "RUNNING")
    pids = {each: daemon.worker_pid(each) for each in first}

    connectors = daemon.document["connectors"]
    del connectors[names["removed"]]
    connectors[names["changed"]] = sqlite(sources["changed"].path, interval="150ms", exclude=["payload"])
    connectors[names["added"]] = sqlite(sources["added"].path)
    reload(daemon)
    in_state(daemon, names["added"], "RUNNING")
    wait_until(
        lambda: daemon.worker_pid(names["changed"]) not in (None, pids[names["changed"]]), 30, "a new worker"
    )
    in_state(daemon, names["changed"], "RUNNING")
    for legacy in sources.values():
        legacy.insert(10)

    for which in ("kept", "changed", "added"):
        rows = sources[which].ids()
        assert arrived(broker.address, f"{names[which]}.orders", rows) == rows
    assert set(daemon.status()["connectors"]) == {names["kept"], names["changed"], names["added"]}
    assert daemon.worker_pid(names["kept"]) == pids[names["kept"]]
    assert len(published(broker.address, f"{names['removed']}.orders")) == 10
    last = consume(broker.address, f"{names['changed']}.orders")[-1].event["after"]
    assert "payload" not in last


def test_sighup_with_a_bad_file_changes_nothing_and_shows(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    daemon = start({name: sqlite(legacy.path)})
    in_state(daemon, name, "RUNNING")
    pid = daemon.worker_pid(name)
    daemon.document["connectors"][name]["intervall"] = "5s"
    daemon.document["connectors"][f"{name}-more"] = sqlite(legacy.path)
    reload(daemon)
    wait_until(lambda: daemon.status()["daemon"]["reload_error"], 30, "the refusal")
    told = command("health", daemon.config)
    legacy.insert(10)

    assert told.returncode == 1
    assert "reload refused, the old configuration is in force: " in told.stdout
    assert f"connectors.{name}.intervall: unknown option 'intervall'; did you mean 'interval'?" in told.stdout
    assert arrived(broker.address, f"{name}.orders", legacy.ids()) == legacy.ids()
    assert list(daemon.status()["connectors"]) == [name]
    assert daemon.worker_pid(name) == pid

    del daemon.document["connectors"][name]["intervall"]
    reload(daemon)
    in_state(daemon, f"{name}-more", "RUNNING")
    assert daemon.status()["daemon"]["reload_error"] is None


# -- pause and resume


def test_a_pause_is_kept_over_restarts_until_resume(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db", ("orders", "items"))
    legacy.insert(10)
    legacy.insert(10, "items")
    daemon = start({name: sqlite(legacy.path, streams={"orders": {}, "items": {}})})
    assert len(arrived(broker.address, f"{name}.orders", legacy.ids())) == 10
    assert command("pause", name, daemon.config, "--stream", "orders").returncode == 0
    in_state(daemon, name, "PAUSED")
    legacy.insert(10)
    daemon.stop()
    daemon.start()
    in_state(daemon, name, "PAUSED")
    legacy.insert(10, "items")
    assert arrived(broker.address, f"{name}.items", legacy.ids("items")) == legacy.ids("items")
    assert len(published(broker.address, f"{name}.orders")) == 10
    assert f"by uid {os.getuid()}" in str(daemon.stream(name, "orders")["error"])

    assert command("resume", name, daemon.config, "--stream", "orders").returncode == 0
    assert arrived(broker.address, f"{name}.orders", legacy.ids()) == legacy.ids()
    orders = [(line["command"], line["stream"]) for line in daemon.lines() if line.get("event") == "operator"]
    assert orders == [("pause", "orders"), ("resume", "orders")]


# -- the service manager, probes and scrapers


@contextmanager
def service_manager(path: Path) -> Iterator[list[str]]:
    """What arrives at a socket like systemd's."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(0.1)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    heard.extend(listener.recv(4096).decode().splitlines())

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            stop.set()
            thread.join()


def test_the_service_manager_hears_of_readiness_status_watchdog_and_stop(
    start: Start, tmp_path: Path, name: str
) -> None:
    source(tmp_path / "erp.db")
    with service_manager(tmp_path / "notify") as heard:
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"}
        daemon = start({name: sqlite(tmp_path / "erp.db")}, environment=environment)
        in_state(daemon, name, "RUNNING")
        wait_until(lambda: heard.count("WATCHDOG=1") >= 3, 20, "the watchdog's pings")
        wait_until(lambda: "STATUS=1 ok" in heard, 20, "a status")
        assert heard[0] == "READY=1"
        assert "STOPPING=1" not in heard
        daemon.stop()
        wait_until(lambda: "STOPPING=1" in heard, 5, "STOPPING=1")


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DaemonProcess, int]]:
    """A daemon with one connector that has published ten rows, and the port of its pages."""
    folder = tmp_path_factory.mktemp("pages")
    legacy = source(folder / "erp.db")
    legacy.insert(10)
    (port,) = free_ports(1)
    daemon = DaemonProcess(
        folder, broker.address, {PAGES: sqlite(legacy.path)}, daemon={"http": f"127.0.0.1:{port}"}
    )
    with daemon:
        wait_until(lambda: daemon.stream(PAGES, "orders").get("events") == 10, 60, "events")
        yield daemon, port


def test_probes_and_scrapers_are_answered(running: tuple[DaemonProcess, int]) -> None:
    _, port = running
    assert got(port, "livez") == (200, "ok\n")
    assert got(port, "readyz") == (200, "ok\n")
    assert f'"{PAGES}"' in got(port, "status")[1]
    metrics = got(port, "metrics")[1]
    assert f'bridge_events_published_total{{connector="{PAGES}",stream="orders"}} 10.0' in metrics
    assert f'bridge_stream_state{{connector="{PAGES}",state="RUNNING",stream="orders"}} 1.0' in metrics
    assert got(port, "nothing")[0] == 404


def test_orders_are_the_service_users_alone_and_the_status_is_its_groups(
    running: tuple[DaemonProcess, int],
) -> None:
    daemon, _ = running
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in (daemon.folder / "run").iterdir()} == {
        "status.sock": 0o660,
        "admin.sock": 0o600,
    }
    assert "orders go to admin.sock" in daemon.ask({"command": "pause", "connector": PAGES})["error"]


def got(port: int, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_second_daemon_in_the_same_place_is_refused_with_one_line(
    running: tuple[DaemonProcess, int],
) -> None:
    daemon, _ = running
    second = command("run", daemon.config)
    assert (second.returncode, second.stdout) == (3, "")
    assert second.stderr == (
        f"another daemon answers at {daemon.folder}/run/status.sock; "
        "stop it, or give this one its own daemon.run_dir\n"
    )
    assert daemon.stream(PAGES, "orders")["state"] == "RUNNING"


# -- options of streams, from end to end

RATE, LIMITED_ROWS = 300, 1_200


def test_quiet_hours_rate_limits_and_excluded_columns_hold(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    legacy = source(tmp_path / "erp.db", ("quiet", "limited", "narrow", "keyless"))
    for table, count in (("quiet", 10), ("limited", LIMITED_ROWS), ("narrow", 10), ("keyless", 10)):
        legacy.insert(count, table)
    streams = {
        "quiet": {"quiet_hours": f"{now - hour:%H:%M}-{now + hour:%H:%M} UTC"},
        "limited": {"max_rows_per_s": RATE},
        "narrow": {"exclude": ["payload"]},
        "keyless": {"exclude": ["id"]},
    }
    daemon = start({name: sqlite(legacy.path, streams=streams)})
    rows = legacy.ids("limited")
    assert arrived(broker.address, f"{name}.limited", rows) == rows
    times = [record.event["ts_ms"] / 1000 for record in consume(broker.address, f"{name}.limited")]
    assert max(times) - min(times) > (LIMITED_ROWS - 2 * RATE) / RATE

    in_state(daemon, name, "QUIET", stream="quiet")
    assert daemon.stream(name, "quiet")["health"] == "ok"
    assert daemon.stream(name, "quiet")["polls"] == 0
    assert published(broker.address, f"{name}.quiet") == []

    narrow = consume(broker.address, f"{name}.narrow")
    assert [sorted(record.event["after"]) for record in narrow] == [["customer", "id"]] * 10
    in_state(daemon, name, "FAILED", stream="keyless")
    assert "exclude" in daemon.stream(name, "keyless")["error"]
