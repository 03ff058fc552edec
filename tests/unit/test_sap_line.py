"""Calls that hang are left behind, and nobody waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from connectors.sap_rfc import line
from connectors.sap_rfc.line import CutError, Line


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "PATIENCE_S", 0.05)


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """Set at the end: what hangs ends then."""
    ends = threading.Event()
    yield ends
    ends.set()


def called[T](there: Line, make: Callable[[], T], seconds: float = 5.0) -> T:
    there.begin(make)
    result: T = there.wait(seconds)
    return result


def test_a_call_returns_or_raises_what_it_does() -> None:
    there = Line()
    assert called(there, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        called(there, lambda: 1 // 0)
    with pytest.raises(TimeoutError, match="its own"):
        called(there, _time_out)
    assert not there.broken
    there.end(None, 1.0)


def _time_out() -> None:
    raise TimeoutError("its own")


def test_all_calls_are_made_by_one_thread() -> None:
    there = Line()
    assert len({called(there, threading.get_ident) for _ in range(3)}) == 1
    assert called(there, threading.get_ident) != threading.get_ident()
    there.end(None, 1.0)


def test_a_call_that_takes_too_long_is_cancelled(hung: threading.Event) -> None:
    there = Line()
    there.begin(hung.wait)
    with pytest.raises(CutError):
        there.wait(0.05, hung.set)
    assert there.broken


def test_an_answer_that_comes_in_the_moment_of_its_timeout_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody would close the connection that it may be."""
    answered = Future.result

    def late(answer: Future[int], seconds: float | None = None) -> int:
        value = answered(answer, 60.0)
        if seconds is not None:
            raise TimeoutError
        return value

    monkeypatch.setattr(Future, "result", late)
    assert called(Line(), lambda: 42) == 42


def test_with_what_a_cut_call_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "PATIENCE_S", 60.0)
    there, ends = Line(), threading.Event()

    def fails() -> None:
        ends.wait()
        raise PermissionError("refused")

    there.begin(fails)
    with pytest.raises(CutError) as caught:
        there.wait(0.05, ends.set)
    assert isinstance(caught.value.__cause__, PermissionError)


def test_what_came_too_late_is_handed_over(hung: threading.Event) -> None:
    there, late = Line(), list[bool]()
    there.begin(hung.wait, late=late.append)
    with pytest.raises(CutError):
        there.wait(0.05)
    hung.set()
    there.end(lambda: late.append(False), 1.0)
    deadline = time.monotonic() + 5.0
    while len(late) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert late == [True, False]


def test_another_thread_cuts_a_call_before_its_time(hung: threading.Event) -> None:
    there = Line()
    there.begin(hung.wait)
    there.cut()
    with pytest.raises(CutError):
        there.wait(60.0)


def test_a_process_in_which_too_many_hang_is_to_be_replaced(hung: threading.Event) -> None:
    for _ in range(line.MOST_LEFT):
        there = Line()
        there.begin(hung.wait)
        with pytest.raises(CutError):
            there.wait(0.01)
    with pytest.raises(RuntimeError, match="8 calls of SAP's client hang"):
        Line()
