"""Positions that an operator writes: what the stream would not go on from is refused before it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import ConfigError
from connectors.oracle.config import OracleStream
from connectors.oracle.positions import check_form

TIMES = {"mode": "timestamp", "columns": ["AT"]}
HIGH = {"mode": "timestamp", "by": "AT", "high": "2026-11-01T10:00:00.123456789"}
ROWID = "AAAR3sAAEAAAACXAAA"
SNAPSHOT = {
    "mode": "snapshot",
    "scn": 4,
    "after": None,
    "bounds": [],
    "then": {"mode": "flashback", "scn": 4},
}


@pytest.mark.parametrize(
    ("options", "position"),
    [
        ({}, {"mode": "flashback", "scn": 4711}),
        ({}, SNAPSHOT),
        ({}, SNAPSHOT | {"after": ROWID, "bounds": [ROWID]}),
        ({}, SNAPSHOT | {"after": [7, "x"]}),
        ({}, SNAPSHOT | {"reach": ROWID}),
        ({}, {"mode": "flashback", "scn": 4711, "within": [4712, ROWID]}),
        ({"mode": "snapshot"}, {"mode": "snapshot", "done": 4}),
        (TIMES, HIGH),
        (TIMES, HIGH | {"high": None}),
        (TIMES, HIGH | {"ahead": 7200}),
        ({"mode": "rowscn"}, {"mode": "rowscn", "scn": 4}),
        ({"mode": "rowscn"}, {"mode": "rowscn", "scn": 4, "rowid": ROWID}),
        ({"mode": "images"}, {"mode": "images", "scan": "complete"}),
        ({"mode": "outbox"}, {"mode": "outbox"}),
        ({"mode": "outbox"}, {"mode": "outbox", "scn": 4, "rows": [[ROWID, "1"], [ROWID, "2"]]}),
        ({"mode": "mview_log"}, {"mode": "mview_log", "rows": [[ROWID, 7]]}),
        ({"mode": "aq"}, {"mode": "aq", "ids": ["ab01"], "known": ["cd"]}),
    ],
)
def test_a_position_of_the_mode_is_taken(options: dict[str, Any], position: Any) -> None:
    check_form(OracleStream.model_validate(options), position)


@pytest.mark.parametrize(
    ("options", "position"),
    [
        ({}, 7),
        ({}, {"mode": "flashback"}),
        ({}, {"mode": "flashback", "scn": True}),
        ({}, {"mode": "flashback", "scn": -4}),
        ({}, {"mode": "flashback", "scn": 4, "x": 1}),
        ({}, {"mode": "snapshot"}),
        ({}, SNAPSHOT | {"then": {"mode": "flashback"}}),
        ({}, SNAPSHOT | {"bounds": 7}),
        ({}, SNAPSHOT | {"bounds": ROWID}),
        ({}, SNAPSHOT | {"bounds": ["abc"]}),
        ({}, SNAPSHOT | {"after": "x"}),
        ({}, SNAPSHOT | {"reach": "nonsense!"}),
        ({}, SNAPSHOT | {"scn": -5}),
        ({}, SNAPSHOT | {"scn": 10**30}),
        ({}, {"mode": "flashback", "scn": 10**30}),
        ({}, {"mode": "flashback", "scn": 4, "within": [5, "zz"]}),
        ({"mode": "rowscn"}, {"mode": "rowscn", "scn": 10**30}),
        ({}, SNAPSHOT | {"scn": True}),
        ({"snapshot": False}, SNAPSHOT),
        ({"mode": "snapshot"}, {"mode": "snapshot"}),
        (TIMES, {"mode": "timestamp"}),
        (TIMES, HIGH | {"by": "X"}),
        (TIMES, HIGH | {"high": "foo"}),
        (TIMES, HIGH | {"high": 7}),
        (TIMES, HIGH | {"high": ""}),
        (TIMES, HIGH | {"high": "inf"}),
        (TIMES, HIGH | {"ahead": "2h"}),
        (TIMES, HIGH | {"until": "2026-11-01T10:00:00"}),
        ({"mode": "rowscn"}, {"mode": "rowscn", "scn": "4"}),
        ({"mode": "rowscn"}, {"mode": "rowscn", "scn": 4, "rowid": "rubbish"}),
        ({"mode": "rowscn"}, {"mode": "rowscn", "scn": 4, "rowid": 7}),
        ({"mode": "images"}, {"mode": "images"}),
        ({"mode": "outbox"}, {"mode": "outbox", "rows": [[ROWID]]}),
        ({"mode": "outbox"}, {"mode": "outbox", "rows": 7}),
        ({"mode": "outbox"}, {"mode": "outbox", "by": "ID"}),
        ({"mode": "outbox"}, {"mode": "outbox", "scn": True}),
        ({"mode": "outbox", "key": ["A", "B"]}, {"mode": "outbox", "rows": [[ROWID, "1"]]}),
        ({"mode": "mview_log"}, {"mode": "mview_log", "rows": [[ROWID]]}),
        ({"mode": "aq"}, {"mode": "aq", "ids": ["xyz"]}),
    ],
)
def test_what_a_stream_cannot_go_on_from_is_refused(options: dict[str, Any], position: Any) -> None:
    with pytest.raises(ConfigError, match="is not one of mode") as raised:
        check_form(OracleStream.model_validate(options), position)
    assert "rewind" in raised.value.remedy
