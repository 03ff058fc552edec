"""A connector's state follows from its worker's heartbeats, and from their absence."""

from __future__ import annotations

from typing import Any

import pytest

from bridge import pulse
from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.contract import Level
from bridge.pulse import REJECTED, Life, Pulse
from bridge.states import State

ALIVE = Life(alive=True, parked=None, last_exit=None)
GONE = Life(alive=False, parked=None, last_exit="killed by SIGKILL")
STARTING_S, CRITICAL_AFTER_S = 30.0, 300.0
ERP = ConnectorSettings(name="erp", kind="fake", defaults=StreamOptions(deadline=STARTING_S))


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pulse, "time", clock)
    return clock


def beat(state: State = State.RUNNING, **fields: Any) -> dict[str, Any]:
    stream = {"state": state, "health": "OK", "error": None, "lag_s": 1.0}
    stream |= dict.fromkeys(pulse.COUNTERS, 5)
    return {"state": state, "error": None, "holds": True, "streams": {"orders": stream}, **fields}


def unpolled() -> dict[str, Any]:
    """Of a worker whose first poll has not come back."""
    said = beat()
    said["streams"]["orders"]["state"] = State.STARTING
    return said


def beating(clock: Clock, state: State = State.RUNNING, **fields: Any) -> Pulse:
    found = Pulse(ERP, CRITICAL_AFTER_S)
    found.begin()
    found.take(beat(state, **fields))
    return found


def judged(found: Pulse, life: Life) -> tuple[State, Level, str | None]:
    status = found.status(life)
    return status["state"], status["health"], status["error"]


def test_a_connector_whose_first_worker_is_not_there_yet_is_starting(clock: Clock) -> None:
    found = Pulse(ERP, CRITICAL_AFTER_S)
    assert judged(found, ALIVE._replace(alive=False)) == (State.STARTING, Level.OK, None)
    assert found.status(ALIVE)["beat_age_s"] is None


def test_a_start_that_takes_longer_than_the_deadline_is_a_warning(clock: Clock) -> None:
    found = beating(clock, State.STARTING)
    clock.now += STARTING_S + 1
    found.take(beat(State.STARTING))
    assert judged(found, ALIVE) == (State.STARTING, Level.WARNING, None)


def test_trouble_is_a_warning_and_critical_once_it_lasts(clock: Clock) -> None:
    found = beating(clock, State.BACKOFF, error="connection refused")
    assert judged(found, ALIVE) == (State.BACKOFF, Level.WARNING, "connection refused")
    clock.now += CRITICAL_AFTER_S + 1
    found.take(beat(State.BACKOFF, error="connection refused"))
    assert judged(found, ALIVE)[1] is Level.CRITICAL


def test_a_worker_that_has_ended_leaves_its_streams_in_backoff_with_a_growing_lag(clock: Clock) -> None:
    found = beating(clock)
    clock.now += 7.0
    status = found.status(GONE)
    assert status["state"] is State.BACKOFF
    assert status["streams"]["orders"]["state"] is State.BACKOFF
    assert status["streams"]["orders"]["error"] == "killed by SIGKILL"
    assert status["streams"]["orders"]["lag_s"] == 8.0


def test_a_worker_without_heartbeats_is_stalled_before_it_is_killed(clock: Clock) -> None:
    found = beating(clock)
    clock.now += pulse.SILENT_S / 2
    assert judged(found, ALIVE)[:2] == (State.STALLED, Level.CRITICAL)


def test_a_parked_connector_is_critical_with_its_reason(clock: Clock) -> None:
    parked = Life(alive=False, parked="wrong password", last_exit="wrong password")
    assert judged(beating(clock), parked) == (State.FAILED, Level.CRITICAL, "wrong password")


def test_a_worker_that_finds_no_stream_is_a_warning(clock: Clock) -> None:
    state, level, error = judged(beating(clock, streams={}), ALIVE)
    assert (state, level) == (State.RUNNING, Level.WARNING)
    assert error is not None
    assert "no stream was found" in error


def test_an_entry_of_streams_that_fits_nothing_is_a_warning_until_something_comes(clock: Clock) -> None:
    entries = {name: StreamOptions() for name in ("orders", "cust*", "stock_?", "odd[1]")}
    found = Pulse(ERP.model_copy(update={"streams": entries}), CRITICAL_AFTER_S)
    found.begin()
    said = beat()
    said["streams"]["odd[1]"] = said["streams"]["orders"]
    found.take(said)
    assert judged(found, ALIVE) == (
        State.RUNNING,
        Level.WARNING,
        "entries of `streams:` that fit nothing that is there: cust*, stock_?",
    )
    said["streams"] |= {"stock_7": said["streams"]["orders"], "customers": said["streams"]["orders"]}
    found.take(said)
    assert judged(found, ALIVE) == (State.RUNNING, Level.OK, None)
    found.take(said | {"state": State.BACKOFF, "error": "connection refused"})
    assert judged(found, ALIVE)[2] == "connection refused"


def test_totals_never_fall_when_a_worker_is_replaced(clock: Clock) -> None:
    found = beating(clock)
    found.end("killed by SIGKILL")
    assert found.status(GONE)["streams"]["orders"]["events"] == 5
    found.begin()
    found.take(beat())
    assert found.status(ALIVE)["streams"]["orders"]["events"] == 10


def test_dead_letters_are_a_warning_for_five_minutes_whatever_becomes_of_the_worker(clock: Clock) -> None:
    def seen(rejects: int) -> tuple[Level, str | None]:
        said = beat()
        said["streams"]["orders"] |= {"health": Level.OK, "rejects": rejects}
        found.take(said)
        orders = found.status(ALIVE)["streams"]["orders"]
        return orders["health"], orders["error"]

    found = Pulse(ERP, CRITICAL_AFTER_S)
    found.begin()
    assert seen(0) == (Level.OK, None)
    assert seen(1) == (Level.WARNING, pulse.REJECTED)
    clock.now += 200.0
    found.end("killed by SIGKILL")
    found.begin()
    assert seen(0) == (Level.WARNING, pulse.REJECTED)
    clock.now += 101.0
    assert seen(0) == (Level.OK, None)
    assert seen(1) == (Level.WARNING, pulse.REJECTED)


def test_dead_letters_do_not_hide_what_else_a_stream_is_warned_of(clock: Clock) -> None:
    found, said = beating(clock), beat()
    said["streams"]["orders"] |= {"health": Level.WARNING, "error": "deletes are not looked for"}
    found.note_letters("orders")
    found.take(said)
    told = found.status(ALIVE)["streams"]["orders"]["error"]
    assert told == f"deletes are not looked for; {REJECTED}"


def test_a_connector_that_is_changed_goes_on_counting_and_warning(clock: Clock) -> None:
    before, changed = beating(clock), Pulse(ERP, CRITICAL_AFTER_S)
    before.note_letters("orders")
    changed.follow(before)
    changed.begin()
    assert changed.status(ALIVE)["streams"] == {}, "it may have others now"
    changed.take(beat())
    stream = changed.status(ALIVE)["streams"]["orders"]
    assert (stream["rows"], stream["error"]) == (10, REJECTED)


def test_dead_letters_that_no_worker_lived_to_count_are_a_warning_all_the_same(clock: Clock) -> None:
    found = beating(clock)
    found.note_letters("orders")
    found.end("killed by SIGKILL")
    found.begin()
    said = beat()
    said["streams"]["orders"]["rejects"] = 0
    found.take(said)
    assert found.status(ALIVE)["streams"]["orders"]["error"] == pulse.REJECTED


def test_state_s_starts_anew_with_each_state(clock: Clock) -> None:
    found = beating(clock, State.BACKOFF)
    found.status(ALIVE)
    clock.now += 10.0
    found.take(beat(State.BACKOFF))
    assert found.status(ALIVE)["state_s"] == 10.0
    found.take(beat(State.RUNNING))
    assert found.status(ALIVE)["state_s"] == 0.0


def test_a_worker_that_starts_after_a_crash_is_a_warning_until_its_streams_are_polled(clock: Clock) -> None:
    found = beating(clock)
    found.end("killed by SIGKILL")
    found.begin()
    assert judged(found, GONE._replace(alive=True)) == (State.STARTING, Level.WARNING, "killed by SIGKILL")
    found.take(unpolled())
    assert judged(found, ALIVE) == (State.RUNNING, Level.WARNING, "killed by SIGKILL")
    found.take(beat())
    assert judged(found, ALIVE) == (State.RUNNING, Level.OK, None)


def test_workers_that_hang_one_after_the_other_are_critical_in_the_end(clock: Clock) -> None:
    found, life = beating(clock), Life(alive=True, parked=None, last_exit="poll of orders did not return")
    levels = set[tuple[State, Level]]()
    steps: list[tuple[dict[str, Any], Life]] = [
        (beat(State.STARTING, streams={}), life),
        (unpolled(), life),
        (beat(streams={}), life._replace(alive=False)),
    ]
    for turn in range(20):
        found.begin()
        for said, lives in steps:
            found.take(said)
            state, level, _ = judged(found, lives)
            if turn > 14:
                levels.add((state, level))
            clock.now += 9.0
            found.take(said)
        found.end(life.last_exit)
    assert levels == {(state, Level.CRITICAL) for state in (State.STARTING, State.RUNNING, State.BACKOFF)}


def test_a_failure_after_hours_without_one_is_not_critical_at_once(clock: Clock) -> None:
    found = beating(clock)
    found.status(ALIVE)
    clock.now += 36_000
    found.take(beat(State.BACKOFF, error="connection refused"))
    assert judged(found, ALIVE)[:2] == (State.BACKOFF, Level.WARNING)


def test_what_is_tried_again_on_purpose_starts_with_a_clean_record(clock: Clock) -> None:
    found = beating(clock)
    found.end("wrong password")
    found.forgive()
    found.begin()
    assert judged(found, ALIVE) == (State.STARTING, Level.OK, None)


def test_the_lag_grows_while_a_worker_is_there_but_silent(clock: Clock) -> None:
    found = beating(clock)
    assert found.status(ALIVE)["streams"]["orders"]["lag_s"] == 1.0
    clock.now += 8.0
    assert found.status(ALIVE)["streams"]["orders"]["lag_s"] == 9.0


def test_streams_are_remembered_until_the_next_worker_knows_its_own(clock: Clock) -> None:
    found = beating(clock)
    found.end("killed by SIGKILL")
    found.begin()
    clock.now += 5.0
    found.take(beat(State.STARTING, streams={}))
    seen = found.status(ALIVE)["streams"]["orders"]
    assert (seen["state"], seen["events"], seen["lag_s"]) == (State.STARTING, 5, 6.0)
    new = beat()
    new["streams"]["items"] = new["streams"].pop("orders")
    found.take(new)
    assert set(found.status(ALIVE)["streams"]) == {"items"}


def test_a_worker_that_finds_nothing_any_more_ends_the_memory_of_streams(clock: Clock) -> None:
    found = beating(clock)
    found.end("killed by SIGKILL")
    found.begin()
    found.take(beat(streams={}))
    assert found.status(ALIVE)["streams"] == {}


def test_the_lag_of_a_new_worker_counts_from_when_the_last_one_was_up_to_date(clock: Clock) -> None:
    found = beating(clock)
    found.end("killed by SIGKILL")
    found.begin()
    clock.now += 5.0
    new = beat()
    new["streams"]["orders"]["lag_s"] = None
    found.take(new)
    assert found.status(ALIVE)["streams"]["orders"]["lag_s"] == 6.0


def test_a_standby_does_not_know_how_far_the_owner_is(clock: Clock) -> None:
    found = beating(clock)
    found.end("fenced")
    found.begin()
    found.take(beat(State.STANDBY, holds=False, streams={}))
    seen = found.status(ALIVE)["streams"]["orders"]
    assert (seen["state"], seen["lag_s"]) == (State.STANDBY, None)


def test_a_resnapshot_is_the_owners_and_no_standbys(clock: Clock) -> None:
    said = beat()
    said["streams"]["orders"]["resnapshot"] = {"rows": 14_000}
    found = beating(clock, streams=said["streams"])
    found.end("fenced")
    found.begin()
    assert found.status(ALIVE)["streams"]["orders"]["resnapshot"] == {"rows": 14_000}
    found.take(beat(State.STANDBY, holds=False, streams={}))
    assert found.status(ALIVE)["streams"]["orders"]["resnapshot"] is None


def test_a_stream_that_was_never_up_to_date_lags_since_its_first_poll(clock: Clock) -> None:
    said = beat()
    said["streams"]["orders"]["lag_s"] = None
    found = Pulse(ERP, CRITICAL_AFTER_S)
    for _ in range(2):  # workers
        found.begin()
        for _ in range(10):
            found.take(said)
            clock.now += 1.0
        assert found.status(ALIVE)["streams"]["orders"]["lag_s"] is not None
        found.end("killed by SIGKILL")
    assert found.status(GONE)["streams"]["orders"]["lag_s"] == 20.0
