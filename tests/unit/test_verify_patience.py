"""How long `verify` waits for the next scan of a source that is read as a whole, and for what it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import ask
from bridge.ask import Down
from bridge.config.options import Settings
from bridge.verify import patience
from bridge.verify.patience import wait_for_scans

type Status = dict[str, Any]


def settings(interval: float = 0.1) -> Settings:
    erp = {"name": "erp", "kind": "fake", "defaults": {"interval": interval}}
    kafka = {"bootstrap.servers": "nowhere:9092"}
    daemon = {"run_dir": "/nowhere"}
    return Settings.model_validate(
        {"version": 1, "name": "test", "kafka": kafka, "daemon": daemon, "connectors": {"erp": erp}}
    )


def status(lag_s: float | None, state: str = "RUNNING", next_poll_s: float = 0.1, **connector: Any) -> Status:
    """`connector`: what is otherwise of the connector itself."""
    stream = {"state": state, "lag_s": lag_s, "next_poll_s": next_poll_s}
    erp = {"state": "RUNNING", "beat_age_s": 0.3, "streams": {"a": stream}, **connector}
    return {"connectors": {"erp": erp}}


def without_streams(state: str) -> Status:
    return {"connectors": {"erp": {"state": state, "beat_age_s": 0.3, "streams": {}}}}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A daemon that answers one thing after the other."""
    monkeypatch.setattr(patience, "LOOK_S", 0.0)

    def answers(*statuses: Status | Exception) -> None:
        left = iter(statuses)
        monkeypatch.setattr(ask, "ask", lambda *_: _next(left))

    return answers


def _next(left: Iterator[Status | Exception]) -> Status:
    answer = next(left)
    if isinstance(answer, Exception):
        raise answer
    return answer


def waited(moment: float, **options: Any) -> tuple[dict[str, str], list[str]]:
    told: list[str] = []
    return wait_for_scans(settings(**options), "erp", {"a": moment}, lambda what, *_: told.append(what)), told


def test_a_scan_that_began_later_is_waited_for(daemon: Callable[..., None]) -> None:
    daemon(status(90.0), status(None), status(99.0), status(50.0))
    vain, told = waited(time.monotonic() - 60)
    assert vain == {}
    assert told == ["seconds until the next scan of a is published"] * 3


def test_what_a_worker_said_a_while_ago_counts_from_then(daemon: Callable[..., None]) -> None:
    """And of one that is silent nothing is known."""
    silent = status(0.0, beat_age_s=5.0), status(0.0, beat_age_s=None)
    daemon(status(59.5, beat_age_s=0.9), *silent, status(1.0))
    vain, told = waited(time.monotonic() - 60)
    assert (vain, len(told)) == ({}, 3)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(90.0, state="PAUSED"), "its state is PAUSED"),
        (status(90.0, state="FAILED"), "its state is FAILED"),
        (status(90.0, state="QUIET"), "its state is QUIET"),
        (status(None, state="STANDBY"), "its state is STANDBY"),
        (without_streams("RUNNING"), "the daemon does not run it"),
        (without_streams("FAILED"), "the daemon does not run it"),
        ({"connectors": {}}, "the daemon has no such connector"),
        (status(90.0, next_poll_s=3600.0), "its next scan begins in 3600 s"),
        (Down("the daemon is down"), "the daemon is down"),
    ],
)
def test_what_will_not_come_is_not_waited_for(
    daemon: Callable[..., None], answer: Status | Exception, reason: str
) -> None:
    daemon(answer)
    assert waited(time.monotonic() - 60) == ({"a": reason}, [])


def test_it_waits_while_a_worker_starts(daemon: Callable[..., None]) -> None:
    daemon(without_streams("STARTING"), status(None, state="STARTING"), status(1.0))
    assert waited(time.monotonic() - 60)[0] == {}


def test_patience_ends(daemon: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SPARE_S", -1.0)
    daemon(status(90.0))
    assert waited(time.monotonic() - 60) == ({"a": "no new scan of it was published in time"}, [])


def test_the_place_of_the_socket_is_the_configuration_s(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def answer(path: Path, *_: Any) -> Status:
        asked.append(path)
        return status(1.0)

    monkeypatch.setattr(ask, "ask", answer)
    waited(time.monotonic() - 60)
    assert asked == [Path("/nowhere/status.sock")]
