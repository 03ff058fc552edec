"""Windows of a clock on the wall that is set, goes back an hour, and differs from ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sap_rfc.window import Look, Mark, Window

START = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S}"


@st.composite
def days(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What happens: rows that are written, now, and seen some seconds later, passes, leaps of a clock.

    Between two passes there is one leap at most, and none before the first: of others, nobody could know.
    """
    found: list[tuple[str, int]] = [("pass", 0)]
    for _ in range(draw(st.integers(1, 12))):
        found += [("wait", draw(st.integers(0, 4000)))]
        between = draw(st.lists(st.tuples(st.just("row"), st.integers(0, 60)), max_size=3))
        leaps = draw(
            st.lists(
                st.tuples(st.sampled_from(["theirs", "ours"]), st.sampled_from([3600, -3600, 40, -7000])),
                max_size=1,
            )
        )
        for each in draw(st.permutations([*between, *leaps])):
            found += [each, ("wait", draw(st.integers(0, 400)))]
        found += [("pass", 0)]
    return found


@given(days(), st.integers(0, 30), st.integers(30, 600))
def test_each_row_is_read_however_the_clocks_are_set(
    day: list[tuple[str, int]], safety: int, more: int
) -> None:
    late = 60 - safety + more
    now, ours, theirs = START, 0, 7200
    rows: list[tuple[str, datetime]] = []
    read: set[int] = set()
    mark: Mark | None = None

    def passed(mark: Mark | None) -> Mark:
        look = Look(now + timedelta(seconds=ours), theirs - ours, safety_s=safety, late_s=late)
        window = look.begun(mark)
        for at, (stamp, seen) in enumerate(rows):
            inside = window.since is None or (window.since <= stamp <= str(window.until))
            if seen <= now and inside:
                read.add(at)
        return Mark.parsed(window.then.position)

    for what, number in [*day, ("wait", 3600), ("pass", 0)]:
        match what:
            case "wait":
                now += timedelta(seconds=number)
            case "row":
                rows.append((_stamp(now + timedelta(seconds=theirs)), now + timedelta(seconds=number)))
            case "theirs":
                theirs += number
            case "ours":
                ours += number
            case _:
                mark = passed(mark)

    assert read == set(range(len(rows)))


def test_at_rest_the_window_is_the_overlap() -> None:
    mark = Mark(START, 7200)

    window = Look(START + timedelta(seconds=10), 7200, safety_s=5, late_s=60).begun(mark)

    assert (window.since, window.until) == ("20261025022900", "20261025023005")


def test_when_summer_time_ends_both_hours_are_read_until_the_late_window_has_passed() -> None:
    mark = Mark(START + timedelta(minutes=29), 7200)
    again = Look(START + timedelta(minutes=31), 3600, late_s=300)

    window = again.begun(mark)
    assert (window.since, window.until) == ("20261025015400", "20261025030100")

    later = Look(START + timedelta(minutes=35), 3600, late_s=300).begun(window.then)
    assert (later.since, later.until) == ("20261025015600", "20261025030500")
    late = Look(START + timedelta(minutes=41), 3600, late_s=300).begun(later.then)
    assert (late.since, late.until) == ("20261025020000", "20261025031100")
    at_rest = Look(START + timedelta(minutes=45), 3600, late_s=300).begun(late.then)
    assert (at_rest.since, at_rest.until) == ("20261025020600", "20261025021500")
    assert [bool(each.then.leaps) for each in (window, later, late, at_rest)] == [True, True, True, False]


def test_the_first_pass_is_of_all_rows() -> None:
    window = Look(START, 7200).begun(None)

    assert (window.since, window.until) == (None, None)
    assert window.then == Mark(START, 7200)


@given(st.integers(0, 10_000))
def test_a_pass_goes_on_from_its_position(seconds: int) -> None:
    mark = Look(START, 3600).begun(Mark(START, 7200)).then
    window = Look(START + timedelta(seconds=seconds), 7200).begun(mark)

    assert Window.parsed(window.position) == window


@pytest.mark.parametrize(
    "position",
    [
        {"high": "yesterday"},
        {"high": "2026-10-25T00:30:00Z", "ahead": "much"},
        {"high": "2026-10-25T00:30:00Z", "leaps": [["x", 1]]},
        {"high": "2026-10-25T00:30:00Z", "low": 1},
        {},
    ],
)
def test_what_is_no_mark_is_refused(position: object) -> None:
    with pytest.raises(ValueError, match=r"is no mark|is no leap|isoformat"):
        Mark.parsed(position)


def test_an_operators_mark_needs_a_moment_alone() -> None:
    window = Look(START, 7200, late_s=60).begun(Mark.parsed({"high": "2026-10-24T12:00:00Z"}))

    assert window.since == "20261024135900"


@pytest.mark.parametrize(
    "position",
    [
        {"high": "0001-01-01T00:00:00Z"},
        {"high": "9999-12-31T23:59:59Z"},
        {"high": "2026-01-01T00:00:00Z", "ahead": 10**12},
        {"high": "2026-01-01T00:00:00Z", "ahead": 0, "leaps": [[10**12, "2026-01-01T00:00:00Z"]]},
        {"high": "2026-01-01T00:00:00Z", "ahead": 0, "leaps": [[0, "0001-01-01T00:00:00Z"]]},
    ],
)
def test_a_moment_with_which_nobody_can_reckon_is_no_mark(position: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is no"):
        Mark.parsed(position)
