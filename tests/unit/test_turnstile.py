"""Whose turn it is when an account has fewer sessions than its connectors would take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.turnstile import Need, Needs, Turnstile

ERP = "bridge at postgresql://db"


def nothing() -> None:
    """A bell that nobody hears."""


def turnstile(limit: int, **sessions: int) -> Turnstile:
    found = Turnstile()
    found.expect(erp(limit, **sessions))
    return found


def erp(limit: int, **sessions: int) -> Needs:
    return {name: Need(ERP, count, limit) for name, count in sessions.items()}


def inside(found: Turnstile) -> list[str]:
    return list(found._inside)


def test_those_who_need_nothing_never_wait() -> None:
    found = turnstile(1, a=1)
    assert found.admit("a", nothing)
    assert found.admit("other", nothing)
    assert found.obstacle("other") is None


def test_who_must_wait_says_for_what_and_for_whom() -> None:
    found = turnstile(2, a=1, b=1, c=1)
    assert found.admit("a", nothing)
    assert found.admit("b", nothing)
    assert not found.admit("c", nothing)
    assert found.obstacle("c") == f"waits for a session of {ERP}: 2 of 2 are taken by a and b"


def test_accounts_do_not_stand_in_each_others_way() -> None:
    found = Turnstile()
    found.expect({"a": Need("x", 1, 1), "b": Need("y", 1, 1)})
    assert found.admit("a", nothing)
    assert found.admit("b", nothing)


def test_who_waits_is_told_when_another_has_ended() -> None:
    rung: list[str] = []
    found = turnstile(1, a=1, b=1)
    assert found.admit("a", nothing)
    assert not found.admit("b", lambda: rung.append("b"))
    found.park("a")
    assert rung == ["b"]
    assert found.admit("b", nothing)
    assert not found.admit("a", nothing), "resumed, it waits for its turn"


def test_a_worker_that_is_started_again_keeps_its_sessions() -> None:
    found = turnstile(1, a=1, b=1)
    assert found.admit("b", nothing) is False
    assert found.admit("a", nothing)
    assert found.admit("a", nothing)


def test_first_configured_first_served_whoever_asks_first() -> None:
    found = turnstile(1, a=1, b=1)
    assert not found.admit("b", nothing)
    assert found.obstacle("b") == f"waits for a session of {ERP}: 0 of 1 are taken; before it: a"
    assert found.admit("a", nothing)


def test_one_that_needs_two_is_not_overtaken_by_those_that_need_one() -> None:
    found = turnstile(2, a=1, b=2, c=1)
    assert found.admit("a", nothing)
    assert not found.admit("b", nothing)
    assert not found.admit("c", nothing)
    found.park("a")
    assert not found.admit("c", nothing)
    assert found.admit("b", nothing)
    assert found.obstacle("c") == f"waits for a session of {ERP}: 2 of 2 are taken by b"


def test_who_can_never_have_enough_keeps_nobody_out() -> None:
    found = turnstile(1, a=2, b=1)
    assert not found.admit("a", nothing)
    assert found.obstacle("a") == f"it takes 2 sessions of {ERP}, and max_sessions is 1"
    assert found.admit("b", nothing)


def test_a_connector_that_a_reload_changes_comes_back_before_those_behind_it() -> None:
    found = turnstile(1, a=1, b=1)
    assert found.admit("a", nothing)
    assert not found.admit("b", nothing)
    found.expect(erp(1, a=1, b=1))
    found.leave("a")
    assert not found.admit("b", nothing)
    assert found.admit("a", nothing)


def test_a_connector_that_a_reload_removes_makes_room_once_its_worker_has_ended() -> None:
    found = turnstile(1, a=1, b=1)
    assert found.admit("a", nothing)
    found.expect(erp(1, b=1))
    assert not found.admit("b", nothing)
    found.leave("a")
    assert found.admit("b", nothing)


def test_a_lower_limit_ends_nobody_and_a_higher_one_lets_more_in_at_once() -> None:
    rung: list[str] = []
    found = turnstile(2, a=1, b=1, c=1)
    assert found.admit("a", nothing)
    assert found.admit("b", nothing)
    found.expect(erp(1, a=1, b=1, c=1))
    assert inside(found) == ["a", "b"]
    assert not found.admit("c", lambda: rung.append("c"))
    found.expect(erp(3, a=1, b=1, c=1))
    assert rung == ["c"]
    assert found.admit("c", nothing)


NAMES = "abcd"


@given(
    limit=st.integers(1, 4),
    counts=st.tuples(*[st.integers(1, 3)] * len(NAMES)),
    steps=st.lists(
        st.tuples(st.sampled_from(["park", "leave", "come"]), st.sampled_from(NAMES)), max_size=30
    ),
)
def test_the_limit_holds_and_whoever_can_come_in_does(
    limit: int, counts: tuple[int, ...], steps: list[tuple[str, str]]
) -> None:
    sessions = dict(zip(NAMES, counts, strict=True))
    found = turnstile(limit, **sessions)
    wanting: set[str] = set(NAMES)
    for name in NAMES:
        found.admit(name, nothing)
    for deed, name in steps:
        if deed == "park":
            found.park(name)
            wanting.discard(name)
        else:
            if deed == "leave":
                found.leave(name)
            wanting.add(name)
        for each in NAMES:
            if each in wanting:
                found.admit(each, nothing)
        taken = sum(sessions[each] for each in inside(found))
        assert taken <= limit
        waiting = [each for each in NAMES if each in wanting and each not in inside(found)]
        first = next((each for each in waiting if sessions[each] <= limit), None)
        assert first is None or taken + sessions[first] > limit
