"""Table mode on the simulated system, called in this process: what its clients add is tested elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import Ask, Batch, Caveat, Op, Position, Scan
from bridge.errors import PermanentError, TransientError
from bridge.testing.sap import conditions
from bridge.testing.sap.abap import Field, Structure, Table, Type, char, dec, numc
from bridge.testing.sap.errors import AbapException
from bridge.testing.sap.read_table import CLASSIC, rfc_read_table
from bridge.testing.sap.system import System
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.readings import Readings
from tests.integration.sap_inside import World, told

MANDT = Field("MANDT", Type("CLNT"), key=True)
DAY, CLOCK = Field("UPDAT", Type("DATS")), Field("UPTIM", Type("TIMS"))
WIDE = Table(
    Structure(
        "ZWIDE",
        (
            MANDT,
            Field("BUKRS", char(4), key=True),
            Field("BELNR", numc(10), key=True),
            *(Field(f"TEXT{at}", char(200)) for at in range(5)),
            Field("AMOUNT", dec(11, 2)),
            DAY,
            CLOCK,
        ),
    )
)
NARROW = Table(
    Structure("ZNARROW", (MANDT, Field("ID", char(10), key=True), Field("NAME", char(30)), DAY, CLOCK))
)


def documents(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"BUKRS": "1000", "BELNR": f"{at:010}", "AMOUNT": at, **{f"TEXT{c}": f"{c}: {at}" for c in range(5)}}
        | more
        for at in range(count)
    ]


def test_a_row_wider_than_the_functions_comes_whole() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(30, TEXT4="ü€'|;x" + "y" * 194))

    batches, _ = world.all(world.mode("ZWIDE", images=True), rows=7)

    rows = sorted(told(batches), key=lambda row: row["BELNR"])
    assert [row["BELNR"] for row in rows] == [f"{at:010}" for at in range(30)]
    assert rows[7] == {
        "BUKRS": "1000", "BELNR": "0000000007", "TEXT0": "0: 7", "TEXT1": "1: 7", "TEXT2": "2: 7",
        "TEXT3": "3: 7", "TEXT4": "ü€'|;x" + "y" * 194, "AMOUNT": Decimal("7.00"),
        "UPDAT": None, "UPTIM": None,
    }  # fmt: skip
    widths = [
        sum(int(field["LENGTH"]) for field in answer["FIELDS"])
        for answer in _answers(world, "RFC_READ_TABLE")
    ]
    assert max(widths) <= 512


def _answers(world: World, function: str) -> Iterator[dict[str, Any]]:
    for name, parameters in list(world.system.asked):
        if name == function and not parameters.get("NO_DATA"):
            yield world.store.invoke(name, {**parameters, "ROWCOUNT": 1})


TEXTS = st.text("Aa '%_0€", max_size=6).map(str.rstrip)
KEYS = st.lists(
    st.tuples(TEXTS, st.integers(0, 30), st.integers(-3, 300)),
    unique=True,
    max_size=60,
)
ODD = Table(
    Structure(
        "ZODD",
        (
            MANDT,
            Field("TEXT", char(10), key=True),
            Field("NUMBER", numc(6), key=True),
            Field("COUNT", Type("INT4"), key=True),
            *(Field(f"PART{at}", char(250)) for at in range(3)),
        ),
    )
)
CHANGES = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from(["put", "drop"]), st.integers(0, 70)), max_size=8
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(KEYS, CHANGES, st.integers(1, 20), st.sampled_from(["key", "none"]), st.sampled_from([[0], [0, 1, 2]]))
def test_a_scan_has_each_row_once_and_whole_whatever_changes_meanwhile(
    keys: list[tuple[str, int, int]],
    changes: list[tuple[int, str, int]],
    rows: int,
    order: str,
    parts: list[int],
) -> None:
    world = World(ODD)
    if order == "key":
        world.store.disorder = None
    names = [{"TEXT": text, "NUMBER": f"{number:06}", "COUNT": count} for text, number, count in keys]
    states: dict[int, list[str]] = {}

    def put(at: int, version: str) -> None:
        states.setdefault(at, []).append(version)
        with world.store.transaction() as tx:
            tx.modify("ZODD", {**names[at], **{f"PART{part}": version for part in range(3)}})

    def change(reading: int) -> None:
        for number, (when, what, at) in enumerate(changes):
            if when == reading and names:
                if what == "put":
                    put(at % len(names), f"later {number}")
                elif world.store.transaction().row("ZODD", names[at % len(names)]):
                    with world.store.transaction() as tx:
                        tx.delete("ZODD", names[at % len(names)])

    for at in range(len(names)):
        put(at, "first")
    touched = {at % len(names) for _, _, at in changes} if names else set()
    stream = world.mode("ZODD", images=True, fields=[f"PART{part}" for part in parts])
    with world.before(change):
        batches, position = world.all(stream, rows=rows)

    found = [(names.index({name: row[name] for name in names[0]}), row) for row in told(batches)]
    assert position == {"mode": "images", "scan": "complete"}
    assert len({at for at, _ in found}) == len(found)
    assert set(range(len(names))) - touched <= {at for at, _ in found}
    for at, row in found:
        assert len({row[f"PART{part}"] for part in parts}) == 1
        assert row["PART0"] in states[at]


def test_a_row_that_changes_between_two_groups_is_read_again() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(3))
    names = [f"TEXT{at}" for at in range(5)]

    def change(reading: int) -> None:
        key = {"BUKRS": "1000", "BELNR": "0000000001"}
        if reading in (2, 4, 6):
            with world.store.transaction() as tx:
                tx.update("ZWIDE", {**key, **dict.fromkeys(names, f"version {reading}")})

    with world.before(change):
        rows = told([world.poll(world.mode("ZWIDE", images=True))])

    assert len(rows) == 3
    assert {row[name] for row in rows for name in names if row["BELNR"] == "0000000001"} == {"version 6"}


def test_rows_that_come_and_go_between_two_groups_are_there_or_not() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(4))

    def change(reading: int) -> None:
        if reading == 2:
            with world.store.transaction() as tx:
                tx.delete("ZWIDE", {"BUKRS": "1000", "BELNR": "0000000002"})
                tx.insert("ZWIDE", {"BUKRS": "1000", "BELNR": "0000000009", "TEXT0": "new", "TEXT4": "new"})

    with world.before(change):
        rows = told([world.poll(world.mode("ZWIDE", images=True))])

    assert sorted(row["BELNR"][-1] for row in rows) == ["0", "1", "3", "9"]


@contextmanager
def _restless(world: World) -> Iterator[None]:
    """One row is another before each reading."""

    def change(reading: int) -> None:
        with world.store.transaction() as tx:
            row = {"BUKRS": "1000", "BELNR": "0000000001"}
            tx.update("ZWIDE", {**row, "TEXT0": str(reading), "TEXT4": str(reading)})

    with world.before(change):
        yield


HOT = {"BUKRS": "1000", "BELNR": "0000000001"}


def test_a_row_that_never_rests_counts_as_seen_by_a_scan_and_in_the_third_it_is_told() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(3))
    stream = world.mode("ZWIDE", images=True)

    with _restless(world):
        batches = [world.poll(stream) for _ in range(3)]

    for batch in batches:
        assert sorted(row["BELNR"][-1] for row in told([batch])) == ["0", "2"]
        ((name, keys),) = batch.seen
        assert (name, keys.to_pylist()) == ("ZWIDE", [HOT])
    assert [len(batch.rejects) for batch in batches] == [0, 0, 1]
    assert batches[2].rejects[0].key == HOT
    assert "published once it rests" in batches[2].rejects[0].reason
    batch = world.poll(stream)
    assert (len(told([batch])), batch.rejects) == (3, ())


@pytest.mark.parametrize("first", [True, False], ids=["first pass", "window"])
def test_a_row_that_never_rests_holds_up_no_other_and_is_read_again_until_it_does(first: bool) -> None:  # noqa: FBT001
    world = World(WIDE)
    options: dict[str, Any] = {"columns": ["UPDAT", "UPTIM"], "late_window": 0}
    stream = world.mode("ZWIDE", **options)
    position = None if first else world.all(stream)[1]
    world.wait(60)
    world.store.load("ZWIDE", documents(3, **world.now()))
    world.wait(60)

    batches: list[Batch] = []
    with _restless(world):
        for _ in range(4):
            batches.append(world.poll(stream, position))
            position = batches[-1].position
            stream.check(position)
            world.wait(600)

    assert [sorted(row["BELNR"][-1] for row in told([each])) for each in batches] == [["0", "2"], [], [], []]
    assert [len(each.rejects) for each in batches] == [0, 0, 1, 1]
    assert batches[2].rejects[0].key == HOT
    assert not any(each.more for each in batches)
    assert isinstance(position, dict)
    assert position["left"] == [["1000", "0000000001"]]
    rested = world.poll(world.mode("ZWIDE", **options), position)
    (row,) = told([rested])
    assert (row["BELNR"], row["TEXT0"]) == ("0000000001", row["TEXT4"])
    assert isinstance(rested.position, dict)
    assert "left" not in rested.position


def test_a_row_that_rests_in_the_next_pass_comes_once_though_its_window_has_it_too() -> None:
    world = World(WIDE)
    stream = world.mode("ZWIDE", columns=["UPDAT", "UPTIM"])
    world.store.load("ZWIDE", documents(3, **world.now()))
    world.wait(10)
    with _restless(world):
        position = world.poll(stream).position
    world.wait(10)
    rows = told([world.poll(stream, position)])
    assert sorted(row["BELNR"][-1] for row in rows) == ["0", "1", "2"]


def test_a_row_that_rests_when_it_is_gone_is_forgotten() -> None:
    world = World(WIDE)
    stream = world.mode("ZWIDE", columns=["UPDAT", "UPTIM"])
    world.store.load("ZWIDE", documents(3))
    with _restless(world):
        position = world.poll(stream).position
    with world.store.transaction() as tx:
        tx.delete("ZWIDE", HOT)
    batch = world.poll(stream, position)
    assert (told([batch]), batch.rejects) == ([], ())
    assert isinstance(batch.position, dict)
    assert "left" not in batch.position


def test_more_rows_that_never_rest_than_a_position_remembers_are_tried_again_later() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(60))

    def change(reading: int) -> None:
        with world.store.transaction() as tx:
            for row in documents(60):
                tx.update("ZWIDE", {**row, "TEXT0": str(reading), "TEXT4": str(reading)})

    with world.before(change), pytest.raises(TransientError, match="60 rows of ZWIDE change faster"):
        world.poll(world.mode("ZWIDE", columns=["UPDAT", "UPTIM"]))


def test_a_row_that_never_rests_holds_up_no_resnapshot() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(3))
    stream = world.mode("ZWIDE", columns=["UPDAT", "UPTIM"])
    system: Any = world.system
    with _restless(world):
        batch = stream.reread(system, None, None, {}, Ask())
    assert sorted(row["BELNR"][-1] for row in told([batch])) == ["0", "2"]
    assert [each.key for each in batch.rejects] == [HOT]


def test_a_row_that_changed_twice_in_a_second_is_whole_though_the_second_change_commits_late() -> None:
    world = World(WIDE)
    stream = world.mode("ZWIDE", columns=["UPDAT", "UPTIM"], safety_interval=10)
    _, position = world.all(stream)
    world.store.load("ZWIDE", documents(3, **world.now()))
    tx = world.store.transaction()
    key = {"BUKRS": "1000", "BELNR": "0000000001"}
    tx.update("ZWIDE", {**key, **world.now(), **{f"TEXT{at}": "later" for at in range(5)}})
    world.wait(30)

    with world.before(lambda reading: tx.commit() if reading == 2 else None):
        rows = told([world.poll(stream, position)])

    assert {row[f"TEXT{at}"] for row in rows if row["BELNR"] == key["BELNR"] for at in range(5)} == {"later"}


def test_the_first_pass_is_of_all_rows_and_then_changes_alone() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": "initial"}, {"ID": "old", "UPDAT": "19990101", "UPTIM": "000000"}])
    world.store.load("ZNARROW", [{"ID": "future", "UPDAT": "99991231", "UPTIM": "235959"}])
    stream = world.mode("ZNARROW", columns=["UPDAT", "UPTIM"], safety_interval=5, late_window=60)
    assert stream.caveats == {Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES}

    batches, position = world.all(stream)
    assert sorted(row["ID"] for row in told(batches)) == ["future", "initial", "old"]
    assert all(batch.scan is None for batch in batches)

    world.wait(100)
    with world.store.transaction() as tx:
        tx.update("ZNARROW", {"ID": "old", "NAME": "changed", **world.now()})
    batches, position = world.all(stream, position)
    assert told(batches) == []  # younger than the safety interval
    world.wait(6)
    batches, position = world.all(stream, position)
    assert [row["NAME"] for row in told(batches)] == ["changed"]
    world.wait(70)
    batches, position = world.all(stream, position)
    batches, position = world.all(stream, position)
    assert told(batches) == []


@pytest.mark.parametrize("rows", [2, 100])
@pytest.mark.parametrize(
    "then", [{"table": "ZOTHER"}, {"where": "NAME = 'x'"}, {"where": ""}, {"key": ["NAME"]}], ids=str
)
def test_rows_of_another_table_condition_or_key_are_all_read(then: dict[str, Any], rows: int) -> None:
    other = Table(Structure("ZOTHER", NARROW.row.fields))
    world = World(NARROW, other)
    some = [
        {"ID": f"{at}", "NAME": f"{'xy'[at % 2]}", "UPDAT": "20200101", "UPTIM": "120000"} for at in range(5)
    ]
    if "key" in then:
        some = [row | {"NAME": f"{9 - at}"} for at, row in enumerate(some)]
    world.store.load("ZNARROW", some)
    world.store.load("ZOTHER", some)
    first = {"columns": ["UPDAT", "UPTIM"], "where": "" if "key" in then else "NAME = 'y'"}
    position = world.poll(world.mode("ZNARROW", **first), rows=rows).position

    options = first | {name: value for name, value in then.items() if name != "table"}
    stream = world.mode(then.get("table", "ZNARROW"), **options)
    batches, position = world.all(stream, position)

    wanted = [row["ID"] for row in some if options["where"][8:9] in row["NAME"]]
    assert sorted(row["ID"] for row in told(batches)) == wanted
    world.wait(10_000)
    assert told(world.all(stream, position)[0]) == []


def test_what_is_committed_late_is_read_within_the_late_window() -> None:
    world = World(NARROW)
    stream = world.mode("ZNARROW", columns=["UPDAT", "UPTIM"], safety_interval=1, late_window=120)
    _, position = world.all(stream)
    late = world.store.transaction()
    late.insert("ZNARROW", {"ID": "late", **world.now()})
    for _ in range(4):
        world.wait(25)
        batches, position = world.all(stream, position)
        assert told(batches) == []
    late.commit()

    batches, position = world.all(stream, position)

    assert [row["ID"] for row in told(batches)] == ["late"]


def test_rows_of_one_second_are_read_over_several_pages_and_by_several_processes() -> None:
    world = World(NARROW)
    _, position = world.all(world.mode("ZNARROW", columns=["UPDAT", "UPTIM"]))
    world.wait(1)
    world.store.load("ZNARROW", [{"ID": f"{at}", **world.now()} for at in range(100)])
    world.wait(20)
    found: list[Batch] = []
    while not found or found[-1].more:
        stream = world.mode("ZNARROW", columns=["UPDAT", "UPTIM"])
        found.append(world.poll(stream, position, rows=9))
        position = found[-1].position
        world.wait(1)

    assert sorted(row["ID"] for row in told(found)) == sorted(map(str, range(100)))


def test_when_the_clock_goes_back_an_hour_nothing_is_missed() -> None:
    world = World(NARROW)
    world.store.clock.zone = ZoneInfo("Europe/Berlin")
    world.store.clock.set(datetime(2026, 10, 25, 0, 20, tzinfo=UTC))
    stream = world.mode("ZNARROW", columns=["UPDAT", "UPTIM"], safety_interval=0, late_window=30)
    _, position = world.all(stream)
    written, found = [], []
    for minute in range(20, 150, 13):
        written.append(f"{minute}")
        with world.store.transaction() as tx:
            tx.insert("ZNARROW", {"ID": f"{minute}", **world.now()})
        world.wait(13 * 60)
        if minute % 3:
            batches, position = world.all(stream, position)
            found += batches
    batches, position = world.all(stream, position)

    assert {row["ID"] for row in told([*found, *batches])} == set(written)


def test_a_date_without_a_time_is_read_for_the_whole_day() -> None:
    world = World(NARROW)
    stream = world.mode("ZNARROW", columns=["UPDAT"], late_window=0)
    _, position = world.all(stream)
    world.wait(3600)
    world.store.load("ZNARROW", [{"ID": "today", **world.now()}])
    for _ in range(2):
        world.wait(3600)
        batches, position = world.all(stream, position)
        assert [row["ID"] for row in told(batches)] == ["today"]


def test_a_row_that_was_never_changed_is_found_by_when_it_was_created() -> None:
    created = (Field("ERDAT", Type("DATS")), Field("ERZET", Type("TIMS")))
    table = Table(Structure("ZBOTH", (*NARROW.row.fields, *created)))
    world = World(table)
    stream = world.mode("ZBOTH", columns=["UPDAT", "UPTIM", "ERDAT", "ERZET"], late_window=10)
    _, position = world.all(stream)
    world.wait(60)
    now = world.now()
    world.store.load("ZBOTH", [{"ID": "new", "ERDAT": now["UPDAT"], "ERZET": now["UPTIM"]}])
    world.wait(60)
    batches, position = world.all(stream, position)
    assert [row["ID"] for row in told(batches)] == ["new"]

    world.wait(60)
    with world.store.transaction() as tx:
        tx.update("ZBOTH", {"ID": "new", **world.now()})
    world.wait(60)
    batches, position = world.all(stream, position)
    assert [row["ID"] for row in told(batches)] == ["new"]


@pytest.mark.parametrize("stamp_type", [dec(15, 0, "TIMESTAMP"), dec(21, 7, "TIMESTAMPL")])
def test_a_time_stamp_is_in_utc(stamp_type: Type) -> None:
    table = Table(Structure("ZSTAMP", (MANDT, Field("ID", char(4), key=True), Field("AT", stamp_type))))
    world = World(table)
    world.store.clock.zone = ZoneInfo("Asia/Tokyo")
    stream = world.mode("ZSTAMP", columns=["AT"], fields=["ID"], late_window=10, safety_interval=0)
    _, position = world.all(stream)
    world.wait(100)
    stamp = world.store.clock.now().astimezone(UTC)
    world.store.load("ZSTAMP", [{"ID": "a", "AT": Decimal(f"{stamp:%Y%m%d%H%M%S}")}])
    world.wait(5)

    batches, _ = world.all(stream, position)

    assert [row["ID"] for row in told(batches)] == ["a"]


READERS = [
    "RFC_READ_TABLE",
    "BBP_RFC_READ_TABLE",
    "/BODS/RFC_READ_TABLE2",
    "/SAPDS/RFC_READ_TABLE2",
    "Z_RFC_READ_TABLE",
]


@pytest.mark.parametrize("release", ["700", "750", "756"])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_tells_the_same_rows(reader: str, release: str) -> None:
    world = World(WIDE, release=release)
    world.store.load("ZWIDE", documents(40))

    batches, _ = world.all(world.mode("ZWIDE", images=True, reader=reader), rows=15)

    rows = sorted(told(batches), key=lambda row: row["BELNR"])
    assert [(row["BELNR"], row["TEXT4"], row["AMOUNT"]) for row in rows] == [
        (f"{at:010}", f"4: {at}", Decimal(at)) for at in range(40)
    ]


def test_a_reader_of_long_rows_is_called_once_for_each_page() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(40))
    stream = world.mode("ZWIDE", images=True, reader="/BODS/RFC_READ_TABLE2")
    world.system.asked.clear()

    assert world.poll(stream).rows == 40
    assert len(world.system.asked) == 1


def test_rows_of_other_clients_are_not_there_and_the_client_is_no_column() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": "ours"}])
    with world.store.transaction(client="200") as tx:
        tx.insert("ZNARROW", {"ID": "theirs"})
    stream = world.mode("ZNARROW", images=True)

    assert stream.tables()[0].schema.names == ["ID", "NAME", "UPDAT", "UPTIM"]
    assert stream.tables()[0].key == ("ID",)
    assert [row["ID"] for row in told([world.poll(stream)])] == ["ours"]


def test_a_condition_of_the_operators_holds_for_each_page() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": f"{at:04}", "NAME": "it's" if at % 3 else "no"} for at in range(90)])
    stream = world.mode("ZNARROW", images=True, where="NAME = 'it''s' OR NAME = 'its'", fields=["NAME"])

    batches, _ = world.all(stream, rows=10)

    assert stream.tables()[0].schema.names == ["ID", "NAME"]
    assert len(told(batches)) == 60


def test_a_scan_begins_and_ends_and_goes_on_in_another_process() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": f"{at:04}"} for at in range(50)])
    marks: list[Scan | None] = []
    found: list[Batch] = []
    position: Position = None
    while not found or found[-1].more:
        found.append(world.poll(world.mode("ZNARROW", images=True), position, rows=20))
        position = found[-1].position
        marks.append(found[-1].scan)

    assert marks[0] is Scan.FIRST
    assert marks[-1] is Scan.LAST
    assert set(marks[1:-1]) <= {Scan.MORE}
    assert sorted(row["ID"] for row in told(found)) == [f"{at:04}" for at in range(50)]
    assert world.poll(world.mode("ZNARROW", images=True), position, rows=60).scan is Scan.ONLY


def test_a_later_scan_needs_one_call_for_each_page() -> None:
    world = World(NARROW)
    world.store.disorder = None
    world.store.load("ZNARROW", [{"ID": f"NAME {at % 7} {at}"} for at in range(500)])
    stream = world.mode("ZNARROW", images=True)
    _, position = world.all(stream, rows=100)
    world.system.asked.clear()

    batches, _ = world.all(stream, position, rows=100)

    assert len(told(batches)) == 500
    assert len(world.system.asked) == len(batches) <= 6


def test_keys_of_digits_need_one_call_for_each_page_at_once() -> None:
    world = World(WIDE)
    world.store.disorder = None
    world.store.load("ZWIDE", documents(1000))
    stream = world.mode("ZWIDE", images=True, fields=["TEXT0"])
    world.system.asked.clear()

    batches, _ = world.all(stream, rows=100)

    assert len(told(batches)) == 1000
    assert len(world.system.asked) <= len(batches) + 3


def test_at_rest_a_poll_reads_once() -> None:
    world = World(WIDE)
    stream = world.mode("ZWIDE", columns=["UPDAT", "UPTIM"])
    _, position = world.all(stream)
    _, position = world.all(stream, position)
    world.wait(10)
    world.system.asked.clear()

    world.poll(stream, position)

    assert [name for name, _ in world.system.asked].count("RFC_READ_TABLE") == 1


def test_a_function_that_cannot_hold_so_many_rows_is_asked_for_fewer() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": f"{at:04}"} for at in range(200)])

    def refuse(function: str, parameters: Mapping[str, Any]) -> None:
        if parameters.get("ROWCOUNT", 0) > 60:
            raise AbapException("DATA_BUFFER_EXCEEDED")

    world.store.before.append(refuse)
    batches, _ = world.all(world.mode("ZNARROW", images=True), rows=1000)

    assert sorted(row["ID"] for row in told(batches)) == [f"{at:04}" for at in range(200)]


def _generous(store: System) -> None:
    """A customer's function that gives every value the room it needs."""
    like = store.function("Z_RFC_READ_TABLE")
    assert like is not None
    body = rfc_read_table(replace(CLASSIC, widths=lambda type_: type_.wide))
    store.install(replace(like, name="Z_GENEROUS"), body)


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (Type("RAW", 16), [bytes([at % 251] * 8 + [0, 255 - at, 7] + [at] * 5) for at in range(120)]),
        (Type("INT4"), [at * 7919 - 300 for at in range(120)]),
        (Type("INT8"), [at * 10**15 - 5 * 10**16 for at in range(120)]),
        (dec(9, 2), [Decimal(at * 7 - 300).scaleb(-2) for at in range(120)]),
        (Type("DATS"), ["00000000", *(f"2026{1 + at // 28:02}{1 + at % 28:02}" for at in range(119))]),
        (Type("TIMS"), [f"{at // 60:02}{at % 60:02}59" for at in range(120)]),
        (char(12), [f"{' ' * (at % 3)}{at}'{'%' * (at % 2)}" for at in range(120)]),
    ],
)
@pytest.mark.parametrize("order", ["key", "none"])
def test_keys_of_every_type_make_pages(type_: Type, values: list[Any], order: str) -> None:
    world = World(Table(Structure("ZTYPED", (MANDT, Field("K", type_, key=True), Field("N", numc(4))))))
    _generous(world.store)
    if order == "key":
        world.store.disorder = None
    world.store.load("ZTYPED", [{"K": value, "N": f"{at:04}"} for at, value in enumerate(values)])

    batches, _ = world.all(world.mode("ZTYPED", images=True, reader="Z_GENEROUS"), rows=17)

    assert sorted(row["N"] for row in told(batches)) == [f"{at:04}" for at in range(120)]
    assert len(batches) >= 5


def test_more_keys_of_one_beginning_than_a_page_holds_are_refused() -> None:
    world = World(Table(Structure("ZLONG", (MANDT, Field("PATH", char(120), key=True)))))
    world.store.load("ZLONG", [{"PATH": "x" * 70 + f"{at:03}"} for at in range(60)])

    assert world.poll(world.mode("ZLONG", images=True), rows=60).rows == 60
    with pytest.raises(PermanentError, match="keys that begin with xxx"):
        world.poll(world.mode("ZLONG", images=True), rows=10)


def test_the_same_position_has_the_same_rows_in_any_process() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": f"{at * 7:08}"} for at in range(90)])
    world.store.load("ZNARROW", [{"ID": f"NAME{at * 7}"} for at in range(90)])
    batches, _ = world.all(world.mode("ZNARROW", images=True), rows=13)
    positions = [None, *(batch.position for batch in batches[:-1])]

    for position, batch in reversed(list(zip(positions, batches, strict=True))):
        again = world.poll(world.mode("ZNARROW", images=True), position, rows=13)
        assert told([again]) == told([batch])
        assert again.more == batch.more


def test_keys_that_no_condition_can_tell_are_rejects_within_a_page() -> None:
    fields = (Field("K", Type("INT4"), key=True), Field("DAY", Type("DATS"), key=True), Field("N", numc(4)))
    world = World(Table(Structure("ZCUT", (MANDT, *fields))))
    good = [{"K": at, "DAY": "20260101", "N": f"{at:04}"} for at in range(60)]
    cut = [{"K": -2_000_000_000 - at, "DAY": "20260101"} for at in range(5)]
    world.store.load("ZCUT", good + cut)
    world.store.load("ZCUT", [{"K": at, "DAY": "20269999"} for at in range(5)])

    batches, position = world.all(world.mode("ZCUT", images=True), rows=20)

    assert position == {"mode": "images", "scan": "complete"}
    assert sorted(row["N"] for row in told(batches)) == [row["N"] for row in good]
    assert len([reject for batch in batches for reject in batch.rejects]) == 10


def test_a_long_key_is_read_by_its_beginnings() -> None:
    table = Table(
        Structure("ZLONG", (MANDT, Field("PATH", char(120), key=True), Field("N", numc(4), key=True)))
    )
    world = World(table)
    rows = [(f"/usr/{'x' * (at % 50)}{'/y' * 30}'{at % 9}", f"{at:04}") for at in range(150)]
    world.store.load("ZLONG", [{"PATH": path, "N": number} for path, number in rows])

    batches, position = world.all(world.mode("ZLONG", images=True), rows=20)

    assert sorted((row["PATH"], row["N"]) for row in told(batches)) == sorted(rows)
    assert position == {"mode": "images", "scan": "complete"}


@pytest.mark.parametrize("release", ["750", "756"])
@pytest.mark.parametrize("sign", ["|", "{x}", " LEFT SIDE ", "DELETE ("])
def test_keys_that_later_releases_take_for_an_attack_are_read_all_the_same(release: str, sign: str) -> None:
    world = World(WIDE_KEY, release=release)
    names = [f"{at:03}{sign}{at % 7}" for at in range(100)]
    world.store.load("ZTEXT", [{"TEXT": name, "PART0": "a", "PART1": "b"} for name in names])

    def change(reading: int) -> None:
        if reading == 2:
            with world.store.transaction() as tx:
                tx.update("ZTEXT", {"TEXT": names[3], "PART0": "new", "PART1": "new"})

    with world.before(change):
        batches, position = world.all(world.mode("ZTEXT", images=True), rows=17)

    assert position == {"mode": "images", "scan": "complete"}
    rows = told(batches)
    assert sorted(row["TEXT"] for row in rows) == names
    assert {row["PART1"] for row in rows if row["TEXT"] == names[3]} == {"new"}
    stopped: Position = {"mode": "images", "after": [names[50]]}
    left = world.all(world.mode("ZTEXT", images=True), stopped)[0]
    assert {row["TEXT"] for row in told(left)} >= {*names[51:]}


WIDE_KEY = Table(
    Structure(
        "ZTEXT", (MANDT, Field("TEXT", char(40), key=True), *(Field(f"PART{at}", char(400)) for at in (0, 1)))
    )
)


@pytest.mark.parametrize("reader", READERS)
def test_amounts_have_the_decimals_of_their_currency(reader: str) -> None:
    """By the reader of the stream: the account may call no other."""
    amounts = (
        Field("WAERS", Type("CUKY")),
        Field("OWN", Type("CURR", 9, 2), reference=("ZMONEY", "WAERS")),
        Field("OTHER", Type("CURR", 9, 2), reference=("T001", "WAERS")),
    )
    world = World(Table(Structure("ZMONEY", (MANDT, Field("ID", char(4), key=True), *amounts))), TCURX)
    world.store.load("TCURX", [{"CURRKEY": "JPY", "CURRDEC": "0"}, {"CURRKEY": "KWD", "CURRDEC": "3"}])
    world.store.load(
        "ZMONEY", [{"ID": "a", "WAERS": "JPY", "OWN": Decimal("12.34"), "OTHER": Decimal("12.34")}]
    )

    world.store.grants.denied_functions.update({*READERS} - {reader})
    plain = world.mode("ZMONEY", images=True, fields=["OWN", "OTHER"], reader=reader)
    assert told([world.poll(plain)])[0] == {"ID": "a", "OWN": Decimal(1234), "OTHER": Decimal("12.34")}
    assert plain.tables()[0].schema.names == ["ID", "OWN", "OTHER"]
    other = world.mode("ZMONEY", images=True, fields=["OTHER"], currencies={"OTHER": "KWD"}, reader=reader)
    assert told([world.poll(other)])[0] == {"ID": "a", "OTHER": Decimal("1.234")}


@pytest.mark.parametrize(
    ("currencies", "message"),
    [
        (
            {"OTHER": "WAERK"},
            "WAERK is no column of ZMONEY, and no currency; its columns of currencies are WAERS",
        ),
        ({"OHTER": "WAERS"}, "table ZMONEY has no column OHTER"),
        ({"ID": "WAERS"}, "ID of ZMONEY is no amount; amounts are OTHER"),
    ],
)
def test_a_currency_that_is_none_parks_the_stream(currencies: dict[str, str], message: str) -> None:
    amount = Field("OTHER", Type("CURR", 9, 2), reference=("T001", "WAERS"))
    key = (MANDT, Field("ID", char(4), key=True), Field("WAERS", Type("CUKY")))
    world = World(Table(Structure("ZMONEY", (*key, amount))))
    with pytest.raises(PermanentError, match=message):
        world.mode("ZMONEY", images=True, currencies=currencies)
    world.mode("ZMONEY", images=True, currencies={"OTHER": "USDN"})


TCURX = Table(Structure("TCURX", (Field("CURRKEY", Type("CUKY"), key=True), Field("CURRDEC", numc(1)))))


def test_leading_zeros_are_kept_or_stripped() -> None:
    alpha = Type("CHAR", 10, exit="ALPHA")
    world = World(Table(Structure("ZALPHA", (MANDT, Field("ID", alpha, key=True), Field("NAME", char(5))))))
    world.store.load("ZALPHA", [{"ID": f"{at:010}"} for at in range(30)] + [{"ID": "ACME"}])

    kept, _ = world.all(world.mode("ZALPHA", images=True), rows=8)
    stripped, _ = world.all(world.mode("ZALPHA", images=True, alpha="strip"), rows=8)

    assert {row["ID"] for row in told(kept)} == {f"{at:010}" for at in range(30)} | {"ACME"}
    assert {row["ID"] for row in told(stripped)} == {str(at) for at in range(30)} | {"ACME"}


@pytest.mark.parametrize("rows", [1, 100])
@pytest.mark.parametrize("options", [{"images": True}, {"columns": ["UPDAT", "UPTIM"]}])
def test_rows_that_share_a_key_without_its_zeros_park_the_stream_on_whatever_page(
    options: dict[str, Any], rows: int
) -> None:
    alpha = Type("CHAR", 10, exit="ALPHA")
    world = World(Table(Structure("ZALPHA", (MANDT, Field("ID", alpha, key=True), DAY, CLOCK))))
    world.store.load("ZALPHA", [{"ID": f"{at:010}"} for at in range(20)] + [{"ID": "70"}])
    assert len(told(world.all(world.mode("ZALPHA", alpha="strip", **options), rows=rows)[0])) == 21

    world.store.load("ZALPHA", [{"ID": "7"}])

    with pytest.raises(PermanentError, match="two rows of ZALPHA have the key ID 7") as error:
        world.all(world.mode("ZALPHA", alpha="strip", **options), rows=rows)
    assert "alpha: keep" in error.value.remedy
    assert len(told(world.all(world.mode("ZALPHA", **options), rows=rows)[0])) == 22


def test_a_value_that_is_cut_makes_its_row_a_reject_with_a_key() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(3))
    with world.store.transaction() as tx:
        tx.update("ZWIDE", {"BUKRS": "1000", "BELNR": "0000000001", "AMOUNT": Decimal("-999999999.99")})

    batch = world.poll(world.mode("ZWIDE", images=True))

    (reject,) = batch.rejects
    assert batch.rows == 2
    assert "AMOUNT has more digits than" in reject.reason
    assert {name: value.as_py() for name, value in (reject.key or {}).items()} == {
        "BUKRS": "1000", "BELNR": "0000000001",
    }  # fmt: skip


def test_all_rows_can_be_read_once_more_and_those_of_a_range() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(50))
    stream = world.mode("ZWIDE", columns=["UPDAT", "UPTIM"])
    _, position = world.all(stream)

    def again(within: dict[str, Any]) -> list[str]:
        place: Position = None
        found: list[Batch] = []
        while not found or found[-1].more:
            found.append(stream.reread(world.system, position, place, within, Ask(rows=7)))  # type: ignore[arg-type]
            place = found[-1].position
        assert {changes.op for batch in found for changes in batch.changes} == {Op.READ}
        return sorted(row["BELNR"] for row in told(found))

    assert again({}) == [f"{at:010}" for at in range(50)]
    anew = stream.reread(world.system, position, {"after": ["a", "b", "c"]}, {}, Ask())  # type: ignore[arg-type]
    assert "0000000000" in {row["BELNR"] for row in told([anew])}
    assert again({"BELNR": ("10", "12")}) == [f"{at:010}" for at in (10, 11, 12)]
    assert again({"BELNR": (None, "3"), "BUKRS": ("1000", None)}) == [f"{at:010}" for at in range(4)]


def test_a_range_that_is_none_of_the_columns_is_refused() -> None:
    table = Table(Structure("ZDAY", (MANDT, Field("DAY", Type("DATS"), key=True), Field("NAME", char(5)))))
    world = World(table)
    world.store.load("ZDAY", [{"DAY": f"2026010{at}"} for at in range(1, 8)])
    stream = world.mode("ZDAY", images=True)

    batch = stream.reread(world.system, None, None, {"DAY": ("2026-01-03", "2026-01-04")}, Ask())  # type: ignore[arg-type]
    assert [f"{row['DAY']}" for row in told([batch])] in (
        ["2026-01-03", "2026-01-04"],
        ["2026-01-04", "2026-01-03"],
    )
    with pytest.raises(PermanentError, match="soon is no value of DAY, which is DATS"):
        stream.reread(world.system, None, None, {"DAY": ("soon", None)}, Ask())  # type: ignore[arg-type]


def _broad(name: str, *fields: Field) -> Table:
    return Table(Structure(name, (MANDT, *fields, DAY, CLOCK)))


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (_broad("ZKEY", Field("K", char(600), key=True)), {}, "ZKEY: K take 600 characters together"),
        (
            _broad("ZCOL", Field("K", char(9), key=True), Field("C", char(510))),
            {},
            "K, C take 519 characters",
        ),
        (Table(Structure("ZNONE", (Field("A", char(9)), DAY))), {}, "ZNONE has no key in the dictionary"),
        (
            _broad("ZFLTP", Field("F", Type("FLTP"), key=True)),
            {},
            "is FLTP, by which rows cannot be told apart",
        ),
        (_broad("ZRAW", Field("K", Type("RAW", 16), key=True)), {}, "cannot read K of ZRAW"),
        (
            _broad("ZSTR", Field("K", char(9), key=True), Field("S", Type("STRG"))),
            {},
            "cannot read S of ZSTR",
        ),
        (NARROW, {"key": ["KUNNR"]}, "has no column KUNNR"),
        (NARROW, {"fields": ["LAND1"]}, "has no column LAND1"),
        (NARROW, {"where": "NAME = 'x"}, "`where` of ZNARROW: a quote is not closed"),
        (NARROW, {"columns": ["NAME"], "images": False}, "NAME of ZNARROW holds no date, but CHAR"),
        (NARROW, {"columns": ["UPTIM"], "images": False}, "UPTIM of ZNARROW holds no date, but TIMS"),
        (NARROW, {"reader": "DDIF_FIELDINFO_GET"}, "has no QUERY_TABLE, ROWCOUNT, OPTIONS, FIELDS"),
    ],
)
def test_what_cannot_be_read_is_told_with_a_remedy(
    table: Table, options: dict[str, Any], message: str
) -> None:
    world = World(table)

    with pytest.raises(PermanentError, match=message) as error:
        world.mode(table.name, **{"images": True, **options})
    assert error.value.remedy


def test_what_is_too_wide_for_one_reader_another_reads() -> None:
    world = World(_broad("ZCOL", Field("K", char(9), key=True), Field("C", char(510))))
    world.store.load("ZCOL", [{"K": "a", "C": "c" * 510}])

    batch = world.poll(world.mode("ZCOL", images=True, reader="/BODS/RFC_READ_TABLE2"))

    assert told([batch])[0]["C"] == "c" * 510


def test_a_table_with_strings_is_not_for_the_classic_function_whatever_is_asked_for() -> None:
    world = World(_broad("ZSTR", Field("K", char(9), key=True), Field("S", Type("STRG"))))
    world.store.load("ZSTR", [{"K": "a", "S": "text"}])

    with pytest.raises(PermanentError, match="no table with columns of strings"):
        world.poll(world.mode("ZSTR", images=True, fields=["K", "UPDAT"]))


def test_a_key_of_the_operators_that_is_not_unique_is_refused_where_groups_are_joined() -> None:
    world = World(WIDE)
    world.store.load("ZWIDE", documents(4))

    with pytest.raises(PermanentError, match="two rows have one key"):
        world.poll(world.mode("ZWIDE", images=True, key=["BUKRS"]))


def test_a_key_of_the_operators_that_is_not_unique_is_refused_where_one_call_reads_all() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": "1", "NAME": "same"}, {"ID": "2", "NAME": "same"}])

    with pytest.raises(PermanentError, match="two rows of ZNARROW have the key NAME same"):
        world.poll(world.mode("ZNARROW", images=True, key=["NAME"]))


def test_more_rows_of_one_key_than_a_page_holds_are_refused() -> None:
    world = World(NARROW)
    world.store.load("ZNARROW", [{"ID": f"{at}", "NAME": "same"} for at in range(50)])

    with pytest.raises(PermanentError, match="41 rows of ZNARROW or more have the key same"):
        world.poll(world.mode("ZNARROW", images=True, key=["NAME"]), rows=10)


@pytest.mark.parametrize(
    "position",
    [
        {"mode": "images", "after": []},
        {"mode": "images", "after": ["a", "b"]},
        {"mode": "images", "after": [7]},
        {"mode": "table", "columns": ["UPDAT", "UPTIM"], "high": "2026-03-01T00:00:00Z"},
        [],
    ],
)
def test_a_position_of_something_else_is_refused(position: Position) -> None:
    world = World(NARROW)

    with pytest.raises(PermanentError, match="the position of ZNARROW is not one of an images scan"):
        world.mode("ZNARROW", images=True).check(position)


@pytest.mark.parametrize(
    "position",
    [
        {"mode": "table", "columns": ["ERDAT"], "high": "2026-03-01T00:00:00Z"},
        {"mode": "table", "columns": ["UPDAT", "UPTIM"], "high": "soon"},
        {"mode": "table", "columns": ["UPDAT", "UPTIM"], "high": "2026-03-01T00:00:00Z", "after": ["a"]},
        {"mode": "images", "scan": "complete"},
        7,
    ],
)
def test_a_mark_of_something_else_is_refused(position: Position) -> None:
    world = World(NARROW)

    with pytest.raises(PermanentError, match="the position of ZNARROW is not one of table mode"):
        world.mode("ZNARROW", columns=["UPDAT", "UPTIM"]).check(position)


@pytest.mark.parametrize("release", ["750", "756"])
def test_a_column_that_is_gone_makes_the_stream_look_anew(release: str) -> None:
    world = World(NARROW, release=release)
    stream = world.mode("ZNARROW", images=True)
    world.store.define(
        Table(Structure("ZNARROW", tuple(each for each in NARROW.row.fields if each.name != "NAME")))
    )
    world.store.load("ZNARROW", [{"ID": "a"}])

    with pytest.raises(TransientError, match="ZNARROW has other columns now"):
        world.poll(stream)
    assert told([world.poll(world.mode("ZNARROW", images=True))])[0]["ID"] == "a"


def test_a_column_that_has_become_too_long_makes_the_stream_look_anew() -> None:
    world = World(NARROW)
    stream = world.mode("ZNARROW", images=True)
    longer = Field("NAME", char(490))
    fields = tuple(longer if each.name == "NAME" else each for each in NARROW.row.fields)
    world.store.define(Table(Structure("ZNARROW", fields)))
    world.store.load("ZNARROW", [{"ID": "a", "NAME": "n" * 490}])

    with pytest.raises(TransientError, match="have another length now"):
        world.poll(stream)
    assert told([world.poll(world.mode("ZNARROW", images=True))])[0]["NAME"] == "n" * 490


def _in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that pads with blanks and compares units of UTF-16, as some do."""
    told_by = conditions._comparison

    def padded(value: Any) -> Any:
        return value.ljust(12).encode("utf-16-be") if isinstance(value, str) else value

    def compared(condition: Any) -> conditions.Predicate:
        if not isinstance(condition, conditions.Compare):
            return told_by(condition)
        place, sign, value = condition.place, condition.sign, padded(condition.value)
        return lambda row: sign(padded(row[place]), value)

    monkeypatch.setattr(conditions, "_comparison", compared)
    monkeypatch.setattr(conditions, "bounds", lambda *_: ((), ()))


@pytest.mark.parametrize("parts", ["ab\x01", "a\ue000\U0001f600"], ids=["control", "beyond the BMP"])
def test_a_database_with_another_order_is_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, parts: str
) -> None:
    """Each row once, whatever its key is made of."""
    _in_another_order(monkeypatch)
    world = World(NARROW)
    keys = [f"{a}{b}{c}" for a in parts for b in parts for c in parts]
    world.store.load("ZNARROW", [{"ID": key} for key in keys])
    for rows in (1, 5):
        batches, _ = world.all(world.mode("ZNARROW", images=True), rows=rows)
        assert sorted(row["ID"] for row in told(batches)) == sorted(keys)


def test_a_key_with_a_nul_is_read_and_is_no_place() -> None:
    world = World(ODD)
    texts = ["a", "\x00", "\x00a", "a\x00b", "b"]
    world.store.load("ZODD", [{"TEXT": text, "NUMBER": "1", "COUNT": 1, "PART1": text} for text in texts])
    batches, _ = world.all(world.mode("ZODD", images=True), rows=5)
    assert sorted(row["TEXT"] for row in told(batches)) == sorted(texts)
    stream = world.mode("ZODD", images=True)
    with pytest.raises(PermanentError, match=r"ZODD: '\\x00.*' is no key that a condition can tell"):
        world.all(stream, rows=1)


DATED = Table(
    Structure(
        "ZDATED",
        (
            Field("MANDT", Type("CLNT"), key=True),
            Field("ID", char(4), key=True),
            Field("DAY", Type("DATS"), key=True),
            *(Field(f"PART{number}", char(240)) for number in range(4)),
        ),
    )
)


def test_a_row_whose_key_is_none_and_that_never_rests_holds_up_no_other() -> None:
    world = World(DATED)
    mode = world.mode("ZDATED", images=True)
    world.store.load("ZDATED", [{"ID": "a", "DAY": "20250101"}, {"ID": "b", "DAY": "99999999"}])

    def change(reading: int) -> None:
        parts = {f"PART{number}": f"{reading}" for number in range(4)}
        world.store.load("ZDATED", [{"ID": "b", "DAY": "99999999", **parts}])

    for _ in range(3):
        with world.before(change):
            batch = world.poll(mode)
        assert [row["ID"] for row in told([batch])] == ["a"]
        assert [each.reason for each in batch.rejects] == ["DAY holds no date"]


def test_a_row_that_no_condition_tells_and_that_came_between_two_groups_is_waited_for() -> None:
    """Nothing parks: the next reading has it as the dead letter that it is."""
    world = World(DATED)
    mode = world.mode("ZDATED", images=True)
    world.store.load("ZDATED", [{"ID": "a", "DAY": "20250101"}])

    def change(reading: int) -> None:
        if reading == 2:
            changed = {"ID": "b", "DAY": "99999999", **{f"PART{number}": "2" for number in range(4)}}
            world.store.load("ZDATED", [changed])

    with world.before(change), pytest.raises(TransientError, match="1 rows of ZDATED"):
        world.poll(mode)
    batch = world.poll(mode)
    assert [row["ID"] for row in told([batch])] == ["a"]
    assert [each.reason for each in batch.rejects] == ["DAY holds no date"]


@pytest.mark.parametrize(
    ("then", "row"),
    [
        ({"currencies": {"V": "W"}}, {"V": Decimal(150), "CUST": "0000000007"}),
        ({"currencies": {"V": "JPY"}}, {"V": Decimal(150), "CUST": "0000000007"}),
        ({"alpha": "strip"}, {"V": Decimal("1.50"), "CUST": "7"}),
    ],
    ids=str,
)
def test_options_that_alter_values_are_applied_to_rows_that_rest(
    then: dict[str, Any], row: dict[str, Any]
) -> None:
    partner = Type("CHAR", 10, name="CUST", exit="ALPHA")
    columns = (MANDT, Field("ID", char(10), key=True), DAY, CLOCK, Field("W", Type("CUKY")))
    amount = Field("V", Type("CURR", 13, 2))
    world = World(Table(Structure("ZVALUES", (*columns, amount, Field("CUST", partner)))), TCURX)
    world.store.load("TCURX", [{"CURRKEY": "JPY", "CURRDEC": "0"}])
    stored = {"ID": "1", "V": Decimal("1.50"), "W": "JPY", "CUST": "0000000007"}
    world.store.load("ZVALUES", [{**stored, **world.now()}])
    options: dict[str, Any] = {"columns": ["UPDAT", "UPTIM"], "late_window": 60}
    _, position = world.all(world.mode("ZVALUES", **options))
    world.wait(3600)
    _, position = world.all(world.mode("ZVALUES", **options), position)
    batches, position = world.all(world.mode("ZVALUES", **options, **then), position)
    assert [{name: each[name] for name in row} for each in told(batches)] == [row]
    world.wait(3600)
    batches, _ = world.all(world.mode("ZVALUES", **options, **then), position)
    assert not told(batches)


@pytest.mark.parametrize("time", ["000000", "      "])
def test_a_row_with_todays_date_and_no_time_is_read_all_day(time: str) -> None:
    world = World(NARROW)
    mode = world.mode("ZNARROW", columns=["UPDAT", "UPTIM"], late_window=60)
    _, position = world.all(mode)
    world.wait(3600)
    _, position = world.all(mode, position)
    world.store.load("ZNARROW", [{"ID": "1", **world.now(), "UPTIM": time}])
    world.wait(300)
    batches, _ = world.all(mode, position)
    assert [row["ID"] for row in told(batches)] == ["1"]


def test_by_time_another_form_of_the_key_is_not_taken_up_in_silence() -> None:
    """The rows would be there by two keys, and nothing deletes the former ones."""
    world = World(
        Table(Structure("ZALPHA", (MANDT, Field("ID", Type("CHAR", 10, exit="ALPHA"), key=True), DAY, CLOCK)))
    )
    world.store.load("ZALPHA", [{"ID": "0000000007", **world.now()}])
    options = {"columns": ["UPDAT", "UPTIM"]}
    _, position = world.all(world.mode("ZALPHA", **options))
    _, same = world.all(world.mode("ZALPHA", **options), position)
    stripped = world.mode("ZALPHA", alpha="strip", **options)
    with pytest.raises(PermanentError, match="without alpha strip") as refused:
        world.all(stripped, same)
    assert "`alpha`" in refused.value.remedy
    place = {name: each for name, each in cast(dict[str, Any], same).items() if name != "alpha"}
    world.all(stripped, place)  # as the remedy says, and former releases wrote it


def _amounts(decimals: int, currency: str) -> Table:
    key = (Field("MANDT", Type("CLNT"), key=True), Field("ID", char(4), key=True))
    amount = Field("V", Type("CURR", 13, decimals), reference=("ZT", currency))
    return Table(Structure("ZT", (*key, amount, Field("W1", Type("CUKY")), Field("W2", Type("CUKY")))))


@pytest.mark.parametrize(
    ("decimals", "currency", "stored"), [(3, "W1", "1.500"), (2, "W2", "1.50")], ids=["longer", "other"]
)
def test_an_amount_that_was_altered_is_looked_at_anew_though_its_type_stays(
    decimals: int, currency: str, stored: str
) -> None:
    world = World(_amounts(2, "W1"))
    row = {"ID": "a", "W1": "EUR", "W2": "JPY"}
    world.store.load("ZT", [{**row, "V": "1.50"}])
    options = {"ashost": "h", "client": "100", "user": "U", "password": "env:P"}
    config = SapConfig.model_validate({**options, "streams": {"ZT": {"mode": "table", "images": True}}})
    system = cast(Any, world.system)
    system.identity = "S/100"
    readings = Readings(config, lambda _: ())

    def amount(known: Readings) -> Decimal:
        known.discover(system)
        (found,) = told([known.usable(system, "ZT").poll(system, None, Ask())])
        return cast(Decimal, found["V"])

    assert amount(readings) == Decimal("1.50")
    world.store.define(_amounts(decimals, currency))
    world.store.load("ZT", [{**row, "V": stored}])
    assert amount(readings) == amount(Readings(config, lambda _: ())) != Decimal("1.50")
