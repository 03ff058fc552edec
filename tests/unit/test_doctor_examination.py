"""What the doctor says of one connector's streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bridge.admission import Lane
from bridge.config.options import Settings, StreamOptions
from bridge.contract import Ask, Batch, Connector, Finding, Level, Position, Stream
from bridge.doctor.examination import Examination
from bridge.policy import Policy
from bridge.positions import Ledger, Stored
from bridge.progress import Progress
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.connector import JdbcConnector


def settings(**streams: Any) -> Settings:
    return Settings.model_validate(
        {
            "name": "test",
            "kafka": {"bootstrap.servers": "127.0.0.1:9"},
            "connectors": {"erp": {"name": "erp", "kind": "fake", "streams": streams}},
        }
    )


SETTINGS = settings()


def test_of_a_stream_that_cannot_be_read_nothing_is_said_to_be_well() -> None:
    stream, options = Stream("orders", "db", ()), StreamOptions()
    missing = Finding(Level.CRITICAL, "no table orders", "make it", "orders")
    examination = Examination(SETTINGS, "erp")
    for found in ([], [missing]):
        examination.findings = list(found)
        lane = Lane(stream, Policy(options), {}, "fake", 1)
        examination._stream(Forgetful(None), Progress(stream, options), lane, Ledger())
        texts = [each.text for each in examination.findings]
        assert texts == ([missing.text] if found else ["starts from the beginning"])


KEYS, TIMES, PLACE = {"id": 7}, {"high": "2026-01-31T12:00:00"}, {"scan": "complete"}
FIT: dict[str, Position] = {"incrementing": KEYS, "timestamp": TIMES, "images": PLACE}


@pytest.mark.parametrize("position", FIT.values(), ids=FIT.keys())
@pytest.mark.parametrize("mode", FIT)
def test_a_position_of_another_mode_is_told_before_it_parks_its_stream(mode: str, position: Position) -> None:
    columns = {"incrementing": ["id"], "timestamp": ["at"]}.get(mode, [])
    config = {"url": "jdbc:postgresql://db/erp", "streams": {"s.t": {"mode": mode, "columns": columns}}}
    source = JdbcConnector(JdbcConfig.model_validate(config))
    stream, examination = Stream("s.t", "db", ()), Examination(SETTINGS, "erp")
    progress, lane = Progress(stream, StreamOptions()), Lane(stream, Policy(StreamOptions()), {}, "jdbc", 3)
    stored = Stored(position, "jdbc", source.position_version, "db")
    examination._stream(source, progress, lane, Ledger(streams={"s.t": stored}))
    (told,) = examination.findings
    if position == FIT[mode]:
        assert (told.level, told.text) == (Level.OK, "goes on from its stored position")
    else:
        assert (told.level, told.stream) == (Level.CRITICAL, "s.t")
        assert told.text.startswith("would be parked: its stored position does not fit: it is not ")
        assert "`positions set`" in told.remedy


def test_a_position_in_a_former_form_is_judged_by_what_becomes_of_it() -> None:
    class Migrating(Forgetful):
        position_version = 2

        def migrate(self, position: Position, version: int) -> Position:
            return {"new": position, "from": version}

        def check_position(self, stream: str, position: Position) -> None:
            assert position == {"new": 7, "from": 1}

    stream, examination = Stream("orders", "db", ()), Examination(SETTINGS, "erp")
    lane = Lane(stream, Policy(StreamOptions()), {}, "fake", 1)
    ledger = Ledger(streams={"orders": Stored(7, "fake", 1, "db")})
    examination._stream(Migrating(None), Progress(stream, StreamOptions()), lane, ledger)
    assert [each.level for each in examination.findings] == [Level.OK]


def test_an_entry_that_fits_nothing_is_told_though_others_fit() -> None:
    entries: dict[str, Any] = {"SALES.ORDERS": {}, "SALES.C*": {}, "SALES.CUSTOMRE_*": {}, "sales.o*": {}}
    examination = Examination(settings(**entries), "erp")
    examination._streams([Stream(name, "db", ()) for name in ("SALES.ORDERS", "SALES.C1")])
    told = [(each.stream, each.level, each.remedy) for each in examination.findings]
    assert [(stream, level) for stream, level, _ in told] == [
        ("SALES.CUSTOMRE_*", Level.WARNING),
        ("sales.o*", Level.WARNING),
    ]
    assert told[1][2] == "did you mean SALES.ORDERS?"


class Forgetful(Connector):
    """A source that keeps changes for a while only."""

    keeps: Mapping[str, float] = {"orders": 900.0, "busy": 30.0, "late": 3.0}

    def open(self) -> None: ...

    def discover(self) -> Sequence[Stream]:
        return ()

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        raise NotImplementedError

    def close(self) -> None: ...


def test_a_source_that_forgets_soon_is_measured_against_the_interval() -> None:
    examination = Examination(SETTINGS, "erp")
    examination._retention(Forgetful(None))
    told = [(each.stream, each.level) for each in examination.findings]
    assert told == [("orders", Level.OK), ("busy", Level.WARNING), ("late", Level.CRITICAL)]
    assert examination.findings[0].text == "the source keeps 15 minutes of changes; polled each 5 s"


def test_hours_and_days_without_polls_count() -> None:
    told = settings(
        orders={"quiet_hours": "22:00-02:00 UTC"},
        busy={"interval": "1s", "quiet_hours": "02:00-02:10 UTC"},
        late={"cron": "30 2 * * 1-5 UTC"},
    )
    examination, source = Examination(told, "erp"), Forgetful(None)
    source.keeps = dict.fromkeys(("orders", "busy", "late"), 900.0)
    examination._retention(source)
    assert [each.level for each in examination.findings] == [Level.CRITICAL, Level.OK, Level.CRITICAL]
    assert [each.text.partition("; ")[2] for each in examination.findings] == [
        "polled each 5 s, and not in 240 minutes of quiet hours",
        "polled each 1 s, and not in 10 minutes of quiet hours",
        f"polled each {3 * 86_400} s",
    ]
    assert "kept for 241 minutes" in examination.findings[0].remedy
