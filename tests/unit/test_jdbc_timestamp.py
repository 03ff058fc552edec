"""Timestamp modes: what is asked of the database, and what positions look like."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contract import Op
from bridge.errors import ConfigError, PermanentError
from connectors.clock import SECOND, iso, nanoseconds
from connectors.jdbc.clock import Moment
from connectors.jdbc.config import JdbcStream
from connectors.jdbc.keyset import Keyset, Read
from connectors.jdbc.modes import Keys, check_position, make, migrated
from connectors.jdbc.modes.images import Images, Unkeyed
from connectors.jdbc.modes.snapshot import Snapshot
from connectors.jdbc.modes.timestamp import Timestamp
from connectors.jdbc.session import QUARTER, _ahead
from connectors.jdbc.statements import Quote, Source, TableName
from connectors.jdbc.types import Column
from connectors.jdbc.values import Temporal

TABLE = TableName("public", "orders")
QUOTE = Quote('"')
AT = Column("at", "timestamp:6", pa.timestamp("us"))
ZONED = Column("at", "instant:6", pa.timestamp("us", "UTC"))
DAY = Column("at", "date", pa.date32())
ID = Column("id", "int64", pa.int64())
NOON = nanoseconds("2024-07-01T12:00:00")
HALF_PAST = {"by": "at", "high": "2024-07-01T11:30:00"}


class Clock:
    """A database of which only the clock is asked."""

    def __init__(
        self, now: int = NOON, oldest: int | None = None, offset: int | None = 0, latest: str | None = None
    ) -> None:
        self._moment, self._latest = Moment(now, oldest, offset), latest

    def moment(self) -> Moment:
        return self._moment

    def largest(self, source: Source, column: str) -> str | None:
        assert self._moment.offset is None, "not asked"
        return self._latest


def by(time: Column = AT, late_s: float = 60.0, zone: str | None = None) -> Timestamp:
    return Timestamp(TABLE, Keyset((time, ID)), late_s, ZoneInfo(zone) if zone else None)


def rows(time: Column, *pairs: tuple[Any, int]) -> Read:
    times, ids = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Read(pa.record_batch({"at": pa.array(times).cast(time.type), "id": pa.array(ids, pa.int64())}), ())


def asked(mode: Timestamp, position: Any) -> list[tuple[str, list[Any]]]:
    """Each statement's condition and values."""
    return [
        (
            one.sql.partition(" WHERE ")[2].partition(" ORDER BY ")[0],
            [value.text if isinstance(value, Temporal) else value for value in one.values],
        )
        for one in mode.statements(position, QUOTE, "")
    ]


def test_a_pass_goes_from_the_late_window_to_the_clock() -> None:
    begun = by().begin(HALF_PAST, Clock())
    assert asked(by(), begun) == [('"at" >= ? AND "at" <= ?', ["2024-07-01T11:29:00", "2024-07-01T12:00:00"])]


def test_the_first_pass_has_no_lower_bound() -> None:
    assert asked(by(), by().begin(None, Clock())) == [('"at" <= ?', ["2024-07-01T12:00:00"])]


def test_pages_are_single_ranges_of_the_index() -> None:
    begun = by().begin(HALF_PAST, Clock())
    middle = by().after(begun, rows(AT, ("2024-07-01T11:45:00.000001", 7)), 0)
    assert asked(by(), json.loads(json.dumps(middle))) == [
        ('"at" = ? AND "id" > ? AND "at" <= ?', ["2024-07-01T11:45:00.000001", 7, "2024-07-01T12:00:00"]),
        ('"at" > ? AND "at" <= ?', ["2024-07-01T11:45:00.000001", "2024-07-01T12:00:00"]),
    ]


def end(mode: Timestamp, clock: Clock, position: Any, *times: str) -> Any:
    """The position after a pass that brought rows of these times."""
    begun = mode.begin(position, clock)
    read = mode.after(begun, rows(AT, *((time, n) for n, time in enumerate(times))), 0) if times else begun
    ended, more = mode.ended(read, 0)
    assert not more
    return ended


def test_the_position_is_the_latest_time_that_was_read() -> None:
    assert end(by(), Clock(), HALF_PAST, "2024-07-01T11:59:30", "2024-07-01T11:59:30.123456") == {
        "by": "at",
        "high": "2024-07-01T11:59:30.123456",
    }


def test_it_is_the_clock_once_the_late_window_is_over_so_that_a_quiet_table_is_not_read_again() -> None:
    assert end(by(), Clock(), HALF_PAST, "2024-07-01T11:45:00") == {"by": "at", "high": "2024-07-01T12:00:00"}


def test_it_stays_where_nothing_was_read() -> None:
    assert end(by(), Clock(), HALF_PAST) == HALF_PAST
    assert end(by(), Clock(), None) == {"by": "at", "high": None}


def at_noon(later_s: float = 0.0, latest: str | None = None) -> Clock:
    """Of a database that does not tell its zone."""
    return Clock(NOON + round(later_s * SECOND), offset=None, latest=latest)


def test_times_of_which_nobody_knows_the_zone_may_be_behind_the_clock() -> None:
    """Those of New York: the latest of them says how far was read, and not the clock."""
    read = end(by(), at_noon(), None, "2024-07-01T07:59:50")
    assert read == {"by": "at", "high": "2024-07-01T07:59:50", "since": "2024-07-01T12:00:00"}
    assert asked(by(), by().begin(read, at_noon(5)))[0][1][0] == "2024-07-01T07:58:50"
    assert end(by(), at_noon(59), read, "2024-07-01T07:59:50") == read
    last = by().begin(read, at_noon(61))
    assert asked(by(), last)[0][1][0] == "2024-07-01T07:58:50", "the window may hold what has come since"
    over = end(by(), at_noon(61), read, "2024-07-01T07:59:50")
    assert asked(by(), by().begin(over, at_noon(62)))[0][1][0] == "2024-07-01T07:59:50", (
        "a quiet table is not read again for ever"
    )
    later = end(by(), at_noon(90), over, "2024-07-01T08:01:20")
    assert later == {"by": "at", "high": "2024-07-01T08:01:20", "since": "2024-07-01T12:01:30"}


def test_rows_that_come_while_such_times_are_read_are_for_the_next_pass() -> None:
    """Else others, which are older and commit while this pass is beyond them, would be out of its window."""
    begun = by().begin({"by": "at", "high": "2024-07-01T07:59:00"}, at_noon(latest="2024-07-01 07:59:50.5"))
    assert asked(by(), begun)[0][1] == ["2024-07-01T07:58:00", "2024-07-01T07:59:50.5"]


def test_the_latest_of_such_times_may_be_gone_and_no_clock_was_set_back() -> None:
    begun = by().begin({"by": "at", "high": "2024-07-01T07:59:00"}, at_noon(latest="2024-07-01 07:30:00"))
    assert asked(by(), begun)[0][1] == ["2024-07-01T07:29:00", "2024-07-01T07:30:00"]


@pytest.mark.parametrize("latest", ["12345-01-01 00:00:00", "infinity"])
def test_a_time_that_never_comes_is_not_the_latest_of_them(latest: str) -> None:
    begun = by().begin(HALF_PAST, at_noon(latest=latest))
    assert asked(by(), begun)[0][1] == ["2024-07-01T11:29:00", "2024-07-01T12:00:00"]


@pytest.mark.parametrize("latest", ["-0043-03-15T00:00:00", "0000-12-31T00:00:00", "-infinity"])
def test_a_time_before_all_others_is_the_first_there_is(latest: str) -> None:
    ended, _ = by().ended({**by().begin(None, Clock()), "after": {"at": latest, "id": 1}}, 0)
    assert ended == {"by": "at", "high": "2024-07-01T12:00:00"}
    begun = by().begin(None, Clock(offset=None, latest=latest))
    assert by().ended({**begun, "after": {"at": latest, "id": 1}}, 0)[0]["high"] == "0001-01-01T00:00:00"


def test_a_snapshot_of_such_times_hands_over_to_the_latest_of_them() -> None:
    handed = by().hand_over(Clock(offset=None, latest="2024-07-01 07:59:50"))
    assert handed == {"by": "at", "high": "2024-07-01T07:59:50", "since": "2024-07-01T12:00:00"}
    assert by().hand_over(Clock(offset=None))["high"] is None


@pytest.mark.parametrize("latest", ["9999-12-31 00:00:00", "2024-07-01 12:00:01", "infinity"])
def test_where_the_latest_of_them_has_not_come_a_snapshot_hands_over_to_what_any_clock_shows(
    latest: str,
) -> None:
    """It tells nothing of the others, whose clock may be on Baker Island."""
    assert by().hand_over(Clock(offset=None, latest=latest))["high"] == "2024-07-01T00:00:00"


def test_in_spring_the_late_window_is_no_hour_shorter() -> None:
    """At 01:00 UTC the clocks of Berlin go from 2 to 3; a row of 01:59:50 is committed after that."""
    mode, now = by(zone="Europe/Berlin"), nanoseconds("2024-03-31T01:00:05")
    begun = mode.begin({"by": "at", "high": "2024-03-31T03:00:02"}, Clock(now))
    assert asked(mode, begun)[0][1] == ["2024-03-31T01:59:02", "2024-03-31T03:00:05"]
    seen = mode.begin(None, Clock(now, oldest=nanoseconds("2024-03-31T00:59:50")))
    assert seen["safe"] == "2024-03-31T01:59:50"


def test_it_never_passes_the_oldest_open_transaction() -> None:
    since = nanoseconds("2024-07-01T11:40:00")
    clock = Clock(oldest=since)
    assert end(by(), clock, HALF_PAST, "2024-07-01T11:59:30") == {"by": "at", "high": "2024-07-01T11:40:00"}
    assert end(by(), clock, HALF_PAST, "2024-07-01T11:39:59") == {"by": "at", "high": "2024-07-01T11:39:59"}


def test_what_a_clock_that_was_set_back_shows_again_is_read_again() -> None:
    ahead = {"by": "at", "high": "2024-07-01T13:00:00"}
    assert asked(by(), by().begin(ahead, Clock()))[0][1] == ["2024-07-01T10:59:00", "2024-07-01T12:00:00"]
    assert end(by(), Clock(), ahead, "2024-07-01T11:59:59") == {"by": "at", "high": "2024-07-01T11:59:59"}


@pytest.mark.parametrize("high", ["2024-10-27T02:50:00", "2024-10-27T02:10:00"])
def test_in_autumn_what_comes_twice_is_read_again_however_long_ago_the_last_poll_was(high: str) -> None:
    """At 01:00 UTC the clocks of Berlin go from 3 to 2; it is 02:25 for the second time."""
    mode, now = by(zone="Europe/Berlin"), nanoseconds("2024-10-27T01:25:00")
    (low, until) = asked(mode, mode.begin({"by": "at", "high": high}, Clock(now)))[0][1]
    assert low < "2024-10-27T02:00:00"
    assert until == "2024-10-27T02:25:00"
    open_since = nanoseconds("2024-10-27T00:50:00")  # 02:50 for the first time
    assert mode.begin(None, Clock(now, oldest=open_since))["safe"] < "2024-10-27T02:00:00"


def test_in_autumn_a_long_window_holds_all_of_the_hour_that_came_twice() -> None:
    """It is 03:10 in Berlin; 02:00 came for the second time 70 minutes ago."""
    mode = by(late_s=5400, zone="Europe/Berlin")
    begun = mode.begin({"by": "at", "high": "2024-10-27T03:10:00"}, Clock(nanoseconds("2024-10-27T02:10:00")))
    assert asked(mode, begun)[0][1][0] <= "2024-10-27T02:00:00"


def test_times_with_a_zone_are_asked_for_in_utc() -> None:
    begun = by(ZONED, zone="Europe/Berlin").begin(
        {"high": "2024-07-01T11:30:00Z"}, Clock(offset=7200 * SECOND)
    )
    assert asked(by(ZONED), begun)[0][1] == ["2024-07-01T11:29:00Z", "2024-07-01T12:00:00Z"]


def test_times_without_one_are_those_of_the_databases_zone_or_of_the_one_that_is_configured() -> None:
    here = by().begin(HALF_PAST, Clock(offset=7200 * SECOND))
    assert here["until"] == "2024-07-01T14:00:00"
    assert (
        by(zone="Asia/Tokyo").begin(HALF_PAST, Clock(offset=7200 * SECOND))["until"] == "2024-07-01T21:00:00"
    )


def test_days_are_read_again_as_a_whole() -> None:
    mode = by(DAY)
    begun = mode.begin({"high": "2024-07-01"}, Clock())
    assert asked(mode, begun) == [('"at" >= ? AND "at" <= ?', ["2024-06-30", "2024-07-01"])]
    read = mode.after(begun, rows(DAY, ("2024-07-01", 3)), 0)
    assert mode.ended(read, 0) == ({"by": "at", "high": "2024-07-01"}, False)


@pytest.mark.parametrize(
    "position",
    [
        {"id": 7},
        {"high": 7},
        {"high": "noon"},
        {"high": "2024-07-01T11:30:00", "more": 1},
        {"high": "2024-07-01T11:30:00Z"},
        {"by": "changed_at", "high": "2024-07-01T11:30:00"},
        {"by": 7, "high": "2024-07-01T11:30:00"},
    ],
)
def test_a_position_of_another_form_is_refused(position: object) -> None:
    with pytest.raises(PermanentError, match="not one of column at"):
        by().begin(position, Clock())


@pytest.mark.parametrize(
    ("was", "now", "like"),
    [(AT, ZONED, '"2026-01-31T12:00:00Z"'), (DAY, AT, '"2026-01-31T12:00:00"'), (ZONED, DAY, '"2026-01-31"')],
)
def test_a_column_whose_type_has_changed_is_told_with_where_it_stood(
    was: Column, now: Column, like: str
) -> None:
    at_rest = by(was).hand_over(Clock())
    for position in (at_rest, by(was).begin(at_rest, Clock()), by(was).begin(None, Clock())):
        with pytest.raises(PermanentError) as refused:
            by(now).begin(position, Clock())
        stood = position.get("high") or position["until"]
        assert f"column at of public.orders has another type than when it was read up to {stood}" in str(
            refused.value
        )
        assert f'{{"high": {like}}}' in refused.value.remedy


def test_the_column_may_be_left_out_where_the_operator_writes_a_position() -> None:
    assert by().begin({"high": HALF_PAST["high"]}, Clock()) == by().begin(HALF_PAST, Clock())


def test_a_pass_by_another_key_begins_anew() -> None:
    begun = by().begin(HALF_PAST, Clock())
    time = "2024-07-01T11:45:00"
    for other in ({"at": time}, {"at": time, "b": 7}, {"id": 7, "at": "x"}, {"at": time, "id": "7"}):
        assert by().begin({**begun, "after": other}, Clock()) == begun


@pytest.mark.parametrize("after", [["2024-07-01T11:45:00", 7], {"at": "noon", "id": 7}, 7])
def test_a_place_of_another_form_is_refused(after: object) -> None:
    position = {**by().begin(HALF_PAST, Clock()), "after": after}
    with pytest.raises(PermanentError, match="not one of column at"):
        by().begin(position, Clock())


def test_a_clock_that_says_no_zone_is_that_of_times_without_one_and_not_utc() -> None:
    """14:00 it shows, and this host 12:00 UTC."""
    moment = Moment(NOON + 7200 * SECOND, None, None, ahead=7200 * SECOND)
    assert by()._walls(moment)[0] == NOON + 7200 * SECOND
    assert by(zone="Europe/Berlin")._walls(moment) == (NOON + 7200 * SECOND,) * 2
    assert by(ZONED)._walls(moment) == (NOON, NOON)


@pytest.mark.parametrize(
    ("apart_s", "quarters"), [(0, 0), (59, 0), (-800, 0), (61, 1), (7200, 8), (7140, 8), (-18_000, -20)]
)
def test_how_far_a_clock_is_ahead_of_utc_is_guessed_on_the_safe_side(apart_s: int, quarters: int) -> None:
    assert _ahead(apart_s * SECOND) == quarters * QUARTER


@given(st.integers(-62_135_596_800 * SECOND, 253_402_300_799 * SECOND))
def test_moments_survive_their_text_to_the_nanosecond(moment: int) -> None:
    assert nanoseconds(iso(moment)) == moment


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1719835200.123456", "2024-07-01T12:00:00.123456"),
        ("2024-07-01 14:00:00.123456+02", "2024-07-01T12:00:00.123456Z"),
        ("2024-07-01T06:30:00.123456-05:30", "2024-07-01T12:00:00.123456"),
        ("2024-07-01", "2024-07-01T00:00:00"),
        ("-3600", "1969-12-31T23:00:00"),
    ],
)
def test_databases_write_their_times_in_several_ways(text: str, same: str) -> None:
    assert nanoseconds(text) == nanoseconds(same)


# The snapshot before it


def snapshot() -> Snapshot:
    return Snapshot(by(), TABLE, Keyset((ID,)))


def test_a_snapshot_hands_over_to_the_time_before_its_first_page() -> None:
    mode, since = snapshot(), nanoseconds("2024-07-01T11:40:00")
    begun = mode.begin(None, Clock(oldest=since))
    assert begun == {"snapshot": {"after": None, "from": {"by": "at", "high": "2024-07-01T11:40:00"}}}
    middle = mode.after(begun, rows(AT, ("2023-01-01", 4)), 0)
    assert middle == {"snapshot": {"after": {"id": 4}, "from": {"by": "at", "high": "2024-07-01T11:40:00"}}}
    assert mode.begin(middle, Clock()) == middle
    (page,) = mode.statements(middle, QUOTE, "LIMIT 5")
    assert page.sql == 'SELECT * FROM "public"."orders" WHERE "id" > ? ORDER BY "id" LIMIT 5'
    assert mode.ended(middle, 0) == ({"by": "at", "high": "2024-07-01T11:40:00"}, True)
    assert (mode.op(middle), mode.op(HALF_PAST)) == (Op.READ, Op.CREATE)


@pytest.mark.parametrize(
    "place",
    [7, {"after": {"id": 1}}, {"after": [1], "from": HALF_PAST}, {"after": None, "from": {"high": "x"}}],
)
def test_a_snapshot_of_another_form_is_refused(place: object) -> None:
    with pytest.raises(PermanentError, match="is not one of"):
        snapshot().begin({"snapshot": place}, Clock())


@pytest.mark.parametrize("other", [{"b": 4}, {"id": 4, "b": 4}, {"id": "x"}, {"id": "4"}])
def test_a_snapshot_by_another_key_begins_anew_from_where_it_began(other: object) -> None:
    begun = {"snapshot": {"after": None, "from": HALF_PAST}}
    assert snapshot().begin({"snapshot": {"after": other, "from": HALF_PAST}}, Clock()) == begun


@pytest.mark.parametrize(
    ("former", "today"),
    [
        ({"snapshot": {"after": [4], "from": HALF_PAST}}, {"snapshot": {"after": None, "from": HALF_PAST}}),
        ({"high": "2024-07-01", "until": "2024-07-02", "after": ["2024-07-01", 4]}, {"high": "2024-07-01"}),
        ({"after": [4], "skipped": 2}, {"scan": "begins"}),
        ({"after": [4], "until": 9}, {"after": None, "until": 9}),
        ({"after": {"id": 4}, "gaps": []}, {"after": {"id": 4}, "gaps": []}),
        ({"scan": "complete"}, {"scan": "complete"}),
    ],
)
def test_places_that_did_not_name_their_columns_begin_anew(former: object, today: object) -> None:
    assert migrated(former) == today


# What is made of the options


def made(keys: Keys, **options: Any) -> Any:
    mode, _ = make(JdbcStream.model_validate(options), TABLE, [AT, ID], keys, QUOTE)
    return mode


def test_options_choose_the_mode() -> None:
    primary = Keys(("id",))
    assert isinstance(made(primary, mode="images"), Images)
    assert isinstance(made(Keys(()), mode="images"), Unkeyed)
    assert isinstance(made(primary, mode="timestamp", columns=["at"]), Snapshot)
    assert isinstance(made(primary, mode="timestamp", columns=["at"], snapshot=False), Timestamp)
    both = made(primary, mode="timestamp+incrementing", columns=["at", "id"], snapshot=False)
    assert both.columns == ("at", "id")


@pytest.mark.parametrize(
    ("mode", "columns", "position"),
    [
        ("images", (), {"scan": "complete"}),
        ("images", (), {"after": {"id": 1}}),
        ("timestamp", ("at",), HALF_PAST),
        ("timestamp", ("at",), {"high": None}),
        ("timestamp", ("at",), {"high": "2024-07-01"}),
        ("timestamp", ("at",), {"snapshot": {"after": None, "from": HALF_PAST}}),
        ("incrementing", ("id",), {"after": {"id": 3}, "gaps": [], "snapshot": 9}),
    ],
)
def test_positions_are_known_by_their_shape(mode: Any, columns: tuple[str, ...], position: object) -> None:
    check_position(JdbcStream.model_validate({"mode": mode, "columns": columns}), position)


@pytest.mark.parametrize(
    ("mode", "columns", "remedy"),
    [("images", (), '{"scan": "complete"}'), ("timestamp", ("at",), '{"high": "20')],
)
@pytest.mark.parametrize("position", [7, {}, {"high": "yesterday"}, {"after": 1, "x": 2}, {"snapshot": 7}])
def test_positions_that_cannot_be_right_are_refused(
    mode: Any, columns: tuple[str, ...], remedy: str, position: object
) -> None:
    with pytest.raises(ConfigError, match="it is not") as refusal:
        check_position(JdbcStream.model_validate({"mode": mode, "columns": columns}), position)
    assert remedy in refusal.value.remedy
