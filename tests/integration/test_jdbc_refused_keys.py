"""Rows that cannot be read for a while, with keys of every type: they are known by the same key as ever."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.config.options import ConnectorSettings
from bridge.deadletters import DeadLetter, parse
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from bridge.testing.verifying import verified
from connectors.jdbc import session
from tests.integration.jdbc_tables import Corner, configured
from tests.integration.jdbc_types import BEFORE, SETTINGS, TEXT, TYPES, Rejected, Type
from tests.property.living import Source

NO_KEYS = {
    "postgresql": {"json", "xml", "point", "box"},
    "h2": {"clob", "nclob", "blob", "java_object"},
    "mariadb": {
        *("tinytext", "text", "mediumtext", "longtext", "json", "point"),
        *("tinyblob", "blob", "mediumblob", "longblob"),
        "timestamp null",
        "timestamp(6) null",
    },
}
"""Types of which the database makes no primary key."""
MORE = {
    "mariadb": (
        Type("timestamp", TYPES["mariadb"][0].arrow, {"'2024-10-27 00:30:00'": ""}),
        Type("timestamp(6)", TYPES["mariadb"][0].arrow, {"'2038-01-19 03:14:07.999999'": ""}),
    )
}
LIMIT, PATIENCE, AGAIN = 64, 50, 4
IMAGES = {"mode": "images"}
LONG = "this is longer than it may be " * 3


@pytest.fixture(autouse=True)
def looks_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each poll: else all that a step waits for may be over before a row's time has come."""
    monkeypatch.setattr(session, "MOMENT_S", 0.0)


def kinds_of(corner: Corner) -> list[Type]:
    types = (*TYPES[corner.kind], *MORE.get(corner.kind, ()))
    return [each for each in types if each.ddl not in NO_KEYS[corner.kind] and keys_of(each)]


def keys_of(of: Type) -> list[str]:
    return [text for text, told in of.values.items() if not (told is None or isinstance(told, Rejected))]


NOW = {
    "postgresql": "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'",
    "h2": "LOCALTIMESTAMP",
    "mariadb": "UTC_TIMESTAMP(6)",
}


class House:
    """A table for each type: its values are keys, the last one's row is the one that will not be read."""

    def __init__(
        self,
        corner: Corner,
        folder: Path,
        clock: Clock,
        types: Sequence[Type] = (),
        options: Mapping[str, Any] = IMAGES,
    ) -> None:
        self.corner, self.types, self.options = corner, types or kinds_of(corner), options
        time = "datetime(6)" if corner.kind == "mariadb" else "timestamp(6)"
        now = f"at {time} DEFAULT '2024-01-01 00:00:00'"
        statements = [BEFORE.get(corner.kind, "").rstrip("; "), *SETTINGS.get(corner.kind, "").split(";")]
        for at, each in enumerate(self.types):
            columns = f"k {each.ddl} NOT NULL PRIMARY KEY, n int, word varchar(200), {now}"
            statements.append(f"CREATE TABLE $.t{at} ({columns})")
            for n, key in enumerate(reversed(keys_of(each))):
                statements.append(f"INSERT INTO $.t{at} (k, n, word) VALUES ({key}, {n}, 'one')")
        self._execute(statements)
        here = (
            {"url": corner.server.url.replace("/erp", f"/{corner.schema}")}
            if corner.kind == "mariadb"
            else {}
        )
        self.names = [corner.name(f"t{at}") for at in range(len(self.types))]
        pattern = {f"{corner.schema}.*": {**options, "max_value_bytes": LIMIT}}
        self.source = Source(partial(configured, corner.server, pattern, **here))
        self.settings = ConnectorSettings(name="erp", kind="jdbc", defaults=BRISK)
        self.kafka = FakeKafka()
        self.engine = Engine(self.kafka, self.source, clock, self.settings, cache=folder / "erp.state")

    def _execute(self, statements: list[str]) -> None:
        self.corner.execute("".join(f"{each};\n" for each in statements if each.strip()))

    def scanned(self) -> None:
        """Each table once more from its beginning, whatever of it was read ahead."""
        before = [self._times_read(name) for name in self.names]
        for _ in range(PATIENCE):
            self.engine.run(1)
            now = [self._times_read(name) for name in self.names]
            if all(times - was >= AGAIN for times, was in zip(now, before, strict=True)):
                return
        raise AssertionError({name: self.engine.parked(name) for name in self.names})

    def _times_read(self, name: str) -> int:
        stream = self.engine.schedule.streams.get(name)
        if stream is None:
            return 0
        return stream.scans if self.options == IMAGES else stream.polls

    def close(self) -> None:
        self.engine.restart()
        self.source.close()

    def word(self, word: str) -> None:
        time = "" if self.options == IMAGES else f", at = {NOW[self.corner.kind]}"
        tables = range(len(self.types))
        self._execute([f"UPDATE $.t{at} SET word = '{word}'{time} WHERE n = 0" for at in tables])
        self.scanned()

    def delete(self) -> None:
        self._execute([f"DELETE FROM $.t{at} WHERE n = 0" for at in range(len(self.types))])
        self.scanned()

    def told(self, at: int) -> list[tuple[str, str, str]]:
        """Operation, key and word of each event of the one row; and of its letters, with `!` and no word."""
        found = []
        place = self.corner.column("n")
        key = None
        for record in self.kafka.committed(f"erp.{self.names[at]}"):
            event = json.loads(record.value or b"null")
            if event and event["after"] and event["after"][place] == 0:
                key = record.key
            if event and record.key == key:
                word = (event["after"] or {}).get(self.corner.column("word"), "")
                found.append((event["op"], (record.key or b"").decode(), word))
        return found

    def letters(self) -> list[tuple[str, str | None]]:
        records = self.kafka.committed(self.engine.positions.letters)
        letters = [parse(record.value or b"") for record in records]
        return [(each.table, each.key) for each in letters if isinstance(each, DeadLetter)]


def test_a_row_that_cannot_be_read_for_a_while_keeps_its_key(corner: Corner, tmp_path: Path) -> None:
    with Clock() as clock, closing(House(corner, tmp_path, clock)) as house:
        kinds = range(len(house.types))
        for word in ("one", "two", LONG, "two"):
            house.word(word)
        lives = {house.types[at].ddl: house.told(at) for at in kinds}
        assert {ddl: [(op, word) for op, _, word in life] for ddl, life in lives.items()} == {
            ddl: [("r", "one"), ("u", "two"), ("u", "two")] for ddl in lives
        }
        letters = dict(house.letters())
        assert len(letters) == len(house.letters()), "one letter in several scans"
        assert letters == {house.names[at]: house.told(at)[0][1] for at in kinds}
        assert house.source.open is not None
        report = verified(house.kafka, house.settings, house.source.open)
        assert report.sound, [*report.lines()]
        house.delete()
        ends = {house.types[at].ddl: house.told(at)[-1] for at in kinds}
        assert ends == {ddl: ("d", life[0][1], "") for ddl, life in lives.items()}


UNREADABLE = {
    "postgresql": ("timestamp", "'294276-12-31'", "'2024-01-01'"),
    "h2": ("timestamp", "timestamp '294277-12-31 00:00:00'", "timestamp '2024-01-01 00:00:00'"),
    "mariadb": ("date", "'2024-02-31'", "'2024-01-01'"),
}


def test_a_row_whose_very_key_cannot_be_read_has_none_and_no_row_is_deleted_meanwhile(
    corner: Corner, tmp_path: Path
) -> None:
    kind, unreadable, readable = UNREADABLE[corner.kind]
    with (
        Clock() as clock,
        closing(House(corner, tmp_path, clock, [Type(kind, TEXT, {readable: ""})])) as house,
    ):
        house.word("one")
        setting = SETTINGS.get(corner.kind, "")
        corner.execute(f"{setting}INSERT INTO $.t0 (k, n, word) VALUES ({unreadable}, 1, 'one');\n")
        house.delete()
        assert [op for op, *_ in house.told(0)] == ["r"]
        assert {key for _, key in house.letters()} == {None}
        corner.execute("DELETE FROM $.t0 WHERE n = 1;\n")
        house.scanned()
        assert [op for op, *_ in house.told(0)] == ["r", "d"]


BY_TIME = {
    "postgresql": {"bytea", "date", "timestamp", "timestamptz", "timetz", "numeric"},
    "h2": {"varbinary(9)", "timestamp(9) with time zone", "decfloat"},
    "mariadb": {"binary(4)", "timestamp(6)", "bit(8)", "time"},
}


def test_a_row_that_cannot_be_read_has_one_letter_however_often_its_overlap_is_read(
    corner: Corner, tmp_path: Path
) -> None:
    types = [each for each in kinds_of(corner) if each.ddl in BY_TIME[corner.kind]]
    by_time = {"mode": "timestamp", "columns": [corner.column("at")], "late_window": 3600}
    with Clock() as clock, closing(House(corner, tmp_path, clock, types, by_time)) as house:
        for word in ("one", LONG):
            house.word(word)
        house.engine.run(5)
        assert sorted(house.letters()) == sorted(
            (name, house.told(at)[0][1]) for at, name in enumerate(house.names)
        )
        house.word("one")
        words = [[word for *_, word in house.told(at)] for at in range(len(types))]
        assert words == [["one", "one"]] * len(types)
        assert house.source.open is not None
        report = verified(house.kafka, house.settings, house.source.open)
        assert report.sound, [*report.lines()]
