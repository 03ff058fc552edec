"""Times of polls: what the operator writes, and when it is next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.config.cron import Cron
from bridge.config.options import StreamOptions
from bridge.contract import Batch, Position, Stream
from bridge.progress import Progress

NIGHTLY = "30 2 * * * Europe/Berlin"


def wait_h(text: str, now: str) -> float:
    return Cron.parse(text).wait_s(datetime.fromisoformat(now).replace(tzinfo=UTC)) / 3600


def test_the_next_time_is_by_the_clock_on_that_wall() -> None:
    assert wait_h(NIGHTLY, "2026-06-01 00:00") == 0.5
    assert wait_h(NIGHTLY, "2026-01-01 00:00") == 1.5


def test_a_time_that_is_now_is_over() -> None:
    assert wait_h(NIGHTLY, "2026-06-01 00:30") == 24


def test_the_night_without_that_hour_has_the_scan_all_the_same() -> None:
    assert wait_h(NIGHTLY, "2026-03-28 23:00") <= 3


def test_days_of_the_week() -> None:
    assert wait_h("0 12 * * MON-FRI UTC", "2026-06-05 12:00") == 3 * 24


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("30 2 * * *", "has not five fields and a time zone"),
        ("", "has not five fields and a time zone"),
        ("30 2 * * * Mars/Olympus", "has no known time zone"),
        ("61 2 * * * UTC", "bad minute"),
        ("0 0 30 2 * UTC", "bad day-of-month"),
    ],
)
def test_what_is_no_time_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Cron.parse(text)


def progress(committed: Position | None) -> Progress:
    options = StreamOptions.model_validate({"cron": NIGHTLY})
    return Progress(Stream("orders", "db", ()), options, committed=committed)


def test_a_stream_with_a_position_waits_for_its_first_time_and_for_every_later_one() -> None:
    night = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
    known = progress({"id": 1})
    assert known.first_due(1000.0, night) == 1000.0 + 1800
    turn = known.turn(1000.0, 0.0)
    assert turn.next_due(Batch({"id": 2}, more=True), 1001.0, night) == 1001.0
    assert turn.next_due(Batch({"id": 2}), 1001.0, night) == 1001.0 + 1800


def test_a_stream_that_was_never_read_begins_at_once() -> None:
    assert progress(None).first_due(1000.0, datetime(2026, 6, 1, tzinfo=UTC)) == 1000.0


def test_it_survives_json() -> None:
    options = StreamOptions.model_validate({"cron": NIGHTLY})
    assert StreamOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    ("times", "hours"),
    [("*/5 * * * *", 1 / 12), ("30 2 * * 1-5", 72), ("0 8-17 * * *", 15), ("0 3 1 * *", 31 * 24)],
)
def test_the_longest_time_between_two_of_its_times(times: str, hours: float) -> None:
    now = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
    assert Cron.parse(f"{times} Europe/Berlin").longest_s(now) == hours * 3600
