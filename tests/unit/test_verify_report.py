"""What `verify` says, and with what it ends."""

from __future__ import annotations

from dataclasses import replace

from bridge.verify import SETTLES
from bridge.verify.report import Found, Outcome, Report

NONE = Found()
SOUND = Outcome("orders", "orders", "erp.orders", 10, 12, 0, 0, NONE, NONE, NONE, NONE)


def test_the_last_line_sums_up_all_tables() -> None:
    faulty = replace(SOUND, lost=Found(2, ("a", "b")), doubled=Found(1, ("c",)))
    report = Report("erp", (SOUND, faulty))
    assert [*report.lines()][-1] == "verify erp: lost=2 doubled=1 differing=0 rows=20 events=24"
    assert not report.sound


def test_the_last_line_counts_what_was_not_judged() -> None:
    report = Report("erp", (replace(SOUND, pending=3), replace(SOUND, pending=4)))
    assert [*report.lines()][-1] == "verify erp: lost=0 doubled=0 differing=0 rows=20 events=24 pending=7"


def test_nothing_compared_and_something_unread_are_neither_sound_nor_a_fault() -> None:
    for report in (Report("erp", ()), Report("erp", (SOUND,), {}, {"items": "no position"})):
        assert (report.faulty, report.sound) == (False, False)
    assert Report("erp", (SOUND,), {"log": "no key"}).sound


def test_faults_are_listed_with_their_first_keys() -> None:
    report = Report("erp", (replace(SOUND, lost=Found(5, ("a", "b"))),))
    assert "  lost: a, b (5 in all)" in report.lines()


def test_information_is_no_fault() -> None:
    told = replace(SOUND, pending=3, dead_letters=2, gone=Found(1, ("x",)))
    report = Report("erp", (told,))
    assert report.sound
    notes = "3 not yet published, 2 dead letters, 1 gone from the source"
    assert next(report.lines()) == f"orders -> erp.orders: 10 rows, 12 events ({notes})"


def test_a_stream_that_cannot_be_verified_is_named_with_the_reason() -> None:
    report = Report("erp", (), {"queue": SETTLES})
    assert "queue: not verified: reading it consumes it, so it cannot be read a second time" in report.lines()


def test_a_stream_that_was_judged_too_early_says_what_that_means() -> None:
    report = Report("erp", (SOUND,), early={"orders": "the daemon is down"})
    said = "orders: what has changed since its last scan counts as different: the daemon is down"
    assert said in report.lines()
    assert report.as_json()["early"] == {"orders": "the daemon is down"}
