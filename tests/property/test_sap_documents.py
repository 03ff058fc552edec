"""Whatever is written in parallel, committed late, deleted and created again: the events make the tables."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.contract import Ask, Changes
from bridge.testing.sap.abap import Field, Structure, Table, Type, char
from bridge.testing.sap.change_documents import ObjectClass
from bridge.testing.sap.errors import Locked, Misuse
from bridge.testing.sap.system import System
from bridge.testing.sap.transactions import Transaction
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.modes import Basis, Mode, late, look, mode_of
from connectors.sap_rfc.streams import SapStream
from tests.integration.sap_invoked import Invoked

LATE_S = 30
TABLE = "ZHOUSE"
HOUSE = Table(
    Structure(
        TABLE,
        (
            Field("MANDT", Type("CLNT"), key=True),
            Field("ID", char(4), key=True),
            Field("NAME", char(20)),
            Field("PLACE", char(20)),
            Field("WIDTH", Type("DEC", 9, 2)),
        ),
    )
)


class Life:
    """Writers with several transactions open, none of them for longer than the late window; and a reader."""

    def __init__(self, seed: int, **options: Any) -> None:
        self.chance = random.Random(seed)
        self.sap = System()
        self.sap.define(HOUSE)
        self.sap.classes["HOUSE"] = ObjectClass("HOUSE", insert_fields=True, delete_fields=seed % 2 == 0)
        self.sap.clock.stop()
        self.sap.clock.set(datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC))
        self.open: list[tuple[Transaction, datetime]] = []
        self.written = 0
        self.system = Invoked(self.sap)
        self.options = SapStream.model_validate(
            {
                "mode": "change_documents",
                "safety_interval": seed % 3,
                "classes": ["HOUSE"],
                "tables": [TABLE],
                "late_window": LATE_S,
                **options,
            }
        )
        self.mode = self.started()
        self.position: Any = None
        self.rows: dict[str, dict[str, Any]] = {}
        self.told = Counter[str]()
        self.odd = set[tuple[str, str]]()
        """Row and second of events that contradict what was told before."""

    def started(self) -> Mode:
        return mode_of(Basis("house", self.options, self.system.it, Dictionary(self.system.it), frozenset()))

    def live(self, steps: int) -> None:
        acts = [self.begin] * 3 + [self.write] * 12 + [self.commit] * 4 + [self.wait] * 6 + [self.read] * 4
        for _ in range(steps):
            self.chance.choice(acts)()
            self.end_old_ones()
        while self.open:
            self.commit()
        self.sap.clock.advance(timedelta(seconds=3 * LATE_S))
        while self.read(1000):
            pass

    def begin(self) -> None:
        if len(self.open) < 4:
            self.open.append((self.sap.transaction(), self.sap.clock.now()))

    def write(self) -> None:
        if not self.open:
            return
        transaction, _ = self.chance.choice(self.open)
        key = f"{self.chance.randrange(8):04}"
        self.written += 1
        values = {"NAME": f"N{self.written}", "PLACE": f"P{self.written}", "WIDTH": f"{self.written}.25"}
        some = {name: values[name] for name in self.chance.sample([*values], self.chance.randrange(1, 4))}
        act = self.chance.choice([transaction.modify] * 4 + [transaction.delete])
        try:
            act(TABLE, {"ID": key, **some} if act == transaction.modify else {"ID": key})
        except (Locked, Misuse):
            return
        transaction.document("HOUSE", key)

    def commit(self) -> None:
        if self.open:
            transaction, _ = self.open.pop(self.chance.randrange(len(self.open)))
            self.chance.choice([transaction.commit] * 5 + [transaction.rollback])()

    def wait(self) -> None:
        self.sap.clock.advance(timedelta(seconds=self.chance.choice([0, 1, 1, 2, 5, 11])))

    def end_old_ones(self) -> None:
        now = self.sap.clock.now()
        for each in [each for each in self.open if now - each[1] > timedelta(seconds=LATE_S - 11)]:
            self.open.remove(each)
            each[0].commit()

    def read(self, most: int | None = None) -> bool:
        """A poll; sometimes it is lost before Kafka has it, and sometimes the process is another one then."""
        batch = self.mode.poll(
            self.system.it, self.position, Ask(rows=most or self.chance.choice([1, 2, 5, 100]))
        )
        if most is None and self.chance.random() < 0.3:
            self.mode = self.started()
            return True
        for changes in batch.changes:
            self.fold(changes)
        self.position = json.loads(json.dumps(batch.position))
        return batch.more

    def fold(self, changes: Changes) -> None:
        assert changes.source is not None
        ops, absent = changes.op.to_pylist(), changes.absent  # type: ignore[union-attr]
        numbers, times = (changes.source.column(name).to_pylist() for name in ("changenr", "changed_at"))
        for at, row in enumerate(changes.rows.to_pylist()):
            known = {
                name: value
                for name, value in row.items()
                if not (name in absent and absent[name][at].as_py())
            }
            self.told[f"{numbers[at]} {row['ID']} {ops[at]}"] += 1
            there = self.rows.get(row["ID"])
            before = changes.before[at].as_py() if changes.before is not None else None
            if (there is None) is not (ops[at] == "c") or contradicts(before, there):
                self.odd.add((row["ID"], times[at]))
            if ops[at] == "d":
                self.rows.pop(row["ID"], None)
            else:
                self.rows[row["ID"]] = {**(there or {}), **known} if ops[at] == "u" else known

    @property
    def store(self) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for row in self.sap.rows(TABLE):
            found[row["ID"]] = {name: row[name] for name in ("ID", "NAME", "PLACE", "WIDTH")}
        return found


def contradicts(before: Mapping[str, Any] | None, there: Mapping[str, Any] | None) -> bool:
    if before is None or there is None:
        return False
    return any(filled(before)[name] != filled(there)[name] for name in before)


def filled(row: Mapping[str, Any]) -> dict[str, Any]:
    """A field that was never logged is initial."""
    known: dict[str, Any] = {"NAME": "", "PLACE": "", "WIDTH": 0} | dict(row)
    return known | {"WIDTH": float(known["WIDTH"] or 0)}


def check(life: Life) -> None:
    told = {key: filled(row) for key, row in life.rows.items()}
    assert told == {key: filled(row) for key, row in life.store.items()}
    assert set(life.told.values()) <= {1}
    times = Counter((row["OBJECTID"], row["UDATE"] + row["UTIME"]) for row in life.sap.rows("CDHDR"))
    unclear = {key for (key, _), count in times.items() if count > 1}
    assert {key for key, _ in life.odd} <= unclear  # within a second nobody can always know what came first


@pytest.mark.parametrize("seed", range(12))
def test_the_events_make_the_table_and_none_comes_twice(seed: int) -> None:
    life = Life(seed)
    life.live(150)
    check(life)


@pytest.mark.parametrize("seed", range(100, 108))
def test_nothing_is_lost_when_more_comes_than_can_be_remembered(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "MOST_SEEN", 3)
    monkeypatch.setattr(look, "MOST_AT_ONCE", 12)
    life = Life(seed)
    life.live(150)
    check(life)
