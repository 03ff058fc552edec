"""One row in a thousand that cannot be read, through the engine: a dead letter each, the others in order."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.config.options import ConnectorSettings, PrefetchOptions
from bridge.deadletters import DeadLetter, parse
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from bridge.testing.verifying import verified
from tests.integration.jdbc_tables import Corner, configured
from tests.property.living import Source

ROWS, EVERY, BATCH = 3_000, 1_000, 700
SERIES = {
    "h2": "SELECT x AS n FROM SYSTEM_RANGE(1, {})",
    "postgresql": "SELECT n FROM generate_series(1, {}) n",
    "mariadb": "SELECT seq AS n FROM seq_1_to_{}",
}
MODES: list[dict[str, Any]] = [
    {"mode": "incrementing"},
    {"mode": "timestamp", "columns": ["at"]},
    {"mode": "timestamp+incrementing", "columns": ["at", "id"], "snapshot": False},
    {"mode": "images"},
]


def fill(corner: Corner) -> None:
    """All rows have the same time, and some a word that is longer than it may be."""
    time = "datetime(6)" if corner.kind == "mariadb" else "timestamp(6)"
    columns = f"id bigint PRIMARY KEY, word varchar(40), at {time} DEFAULT '2024-01-01 00:00:00'"
    corner.execute(f"CREATE TABLE $.t ({columns});")
    word = f"CASE WHEN MOD(n, {EVERY}) = {EVERY // 2} THEN 'much longer than it may be' ELSE 'word' END"
    series = SERIES[corner.kind].format(ROWS)
    corner.execute(f"INSERT INTO $.t (id, word) SELECT n, {word} FROM ({series}) s;")


@pytest.mark.parametrize("options", MODES, ids=lambda each: each["mode"])
def test_one_row_in_a_thousand_is_a_dead_letter_and_the_rest_come_in_order(
    corner: Corner, tmp_path: Path, options: dict[str, Any]
) -> None:
    fill(corner)
    columns = [corner.column(name) for name in options.get("columns", ())]
    name, told = corner.name("t"), {**options, "columns": columns, "max_value_bytes": 8}
    here = {"url": corner.server.url.replace("/erp", f"/{corner.schema}")} if corner.kind == "mariadb" else {}
    source = Source(partial(configured, corner.server, {name: told}, **here))
    settings = ConnectorSettings(
        name="erp", kind="jdbc", defaults=BRISK, prefetch=PrefetchOptions(rows=BATCH)
    )
    kafka, key = FakeKafka(), corner.column("id")
    with Clock() as clock:
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.settle()
        assert source.open is not None
        report = verified(kafka, settings, source.open)
        engine.restart()
        source.close()
    events = [json.loads(record.value or b"") for record in kafka.committed(f"erp.{name}")]
    letters = [parse(record.value or b"") for record in kafka.committed(engine.positions.letters)]
    poison = [n for n in range(1, ROWS + 1) if n % EVERY == EVERY // 2]
    assert [event["after"][key] for event in events] == [n for n in range(1, ROWS + 1) if n not in poison]
    assert [told_of(letter)[key] for letter in letters] == poison
    assert report.sound, [*report.lines()]
    assert (report.total("rows"), report.total("dead_letters")) == (ROWS, len(poison))


def told_of(letter: object) -> Any:
    """The key, once reason, place in the source and place in the stream are there, too."""
    assert isinstance(letter, DeadLetter)
    assert letter.reason.lower() == "column word: is longer than 8 bytes"
    assert letter.position is not None
    row = json.loads(letter.body)
    key = json.loads(letter.key or "")
    assert {name: int(row[name]) for name in key} == key
    return key
