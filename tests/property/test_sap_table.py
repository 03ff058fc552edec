"""Table mode by the time of the change: what a topic would have is what the table has, whatever happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import Position
from bridge.testing.sap.abap import Field, Structure, Table, Type, char, numc
from bridge.testing.sap.errors import Locked
from bridge.testing.sap.transactions import Transaction
from connectors.sap_rfc.modes.mode import Mode
from tests.integration.sap_inside import World, told

LATE_S, SAFETY_S = 50, 5
_SECOND = timedelta(seconds=1)
TABLE = Table(
    Structure(
        "ZLIFE",
        (
            Field("MANDT", Type("CLNT"), key=True),
            Field("BUKRS", char(4), key=True),
            Field("ID", numc(4), key=True),
            *(Field(f"PART{at}", char(240)) for at in range(3)),
            Field("UPDAT", Type("DATS")),
            Field("UPTIM", Type("TIMS")),
        ),
    )
)
KEYS = [{"BUKRS": company, "ID": f"{at:04}"} for company in ("1000", "IT'S") for at in range(8)]

Action = tuple[str, int, int]
Actions = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 15), st.integers(0, 54)),
        st.tuples(st.just("wait"), st.integers(0, 90), st.just(0)),
        st.tuples(st.just("poll"), st.integers(1, 9), st.just(0)),
        st.tuples(st.just("crash"), st.just(0), st.just(0)),
        st.tuples(st.just("midst"), st.integers(0, 15), st.integers(1, 6)),
        st.tuples(st.just("leap"), st.sampled_from([3600, -3600]), st.just(0)),
    ),
    max_size=40,
)


class Life:
    """Writers who commit late, a reader that is killed, a clock on the wall that leaps between two passes."""

    def __init__(self) -> None:
        self.world = World(TABLE)
        self.topic: dict[tuple[str, str], dict[str, Any]] = {}
        self.position: Position = None
        self.leapt = True
        self._stream = self._started()
        self._open: list[tuple[float, Transaction]] = []
        self._versions = 0

    def write(self, key: int, delay: int) -> None:
        """Rows are stamped when they are written, and there for others when they are committed."""
        self._versions += 1
        transaction = self.world.store.transaction()
        parts = {f"PART{at}": str(self._versions) for at in range(3)}
        try:
            transaction.modify("ZLIFE", {**KEYS[key], **parts, **self.world.now()})
        except Locked:
            transaction.rollback()
            return
        self._open.append((delay, transaction))
        if not delay:
            self.wait(0)

    def wait(self, seconds: float) -> None:
        while True:
            step = min([seconds, *(left for left, _ in self._open)])
            self.world.wait(step)
            self._open = [(left - step, each) for left, each in self._open]
            for _, each in (due for due in self._open if due[0] <= 0):
                each.commit()
            self._open = [each for each in self._open if each[0] > 0]
            seconds -= step
            if not seconds:
                return

    def poll(self, rows: int) -> None:
        batch = self.world.poll(self._stream, self.position, rows)
        for row in told([batch]):
            assert len({row[f"PART{at}"] for at in range(3)}) == 1
            self.topic[row["BUKRS"], row["ID"]] = row
        self.position = batch.position
        self.leapt = self.leapt and batch.more

    def crash(self) -> None:
        self._stream = self._started()

    def midst(self, key: int, reading: int) -> None:
        """A row is written, and there at once, before one of the readings of a poll."""

        def change(at: int) -> None:
            if at == reading:
                self.write(key, 0)

        with self.world.before(change):
            self.poll(3)

    def leap(self, seconds: int) -> None:
        """SAP's clock alone; of two leaps between two passes the first one would not be seen."""
        if not self.leapt:
            self.leapt = True
            ours = self.world.system.ours
            self.world.wait(seconds)
            self.world.system.ours = lambda: ours() - _SECOND * seconds

    def end(self) -> Mapping[tuple[str, str], dict[str, Any]]:
        """All is committed, and read."""
        self.wait(2 * LATE_S)
        for _ in range(2):
            while True:
                self.poll(5)
                if "after" not in self.position:
                    break
            self.wait(1)
        return {(row["BUKRS"], row["ID"]): row for row in self.world.store.rows("ZLIFE")}

    def _started(self) -> Mode:
        return self.world.mode(
            "ZLIFE", columns=["UPDAT", "UPTIM"], safety_interval=SAFETY_S, late_window=LATE_S
        )


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(Actions)
def test_the_topic_is_the_table(actions: list[Action]) -> None:
    life = Life()
    for what, first, second in actions:
        match what:
            case "write" | "midst":
                getattr(life, what)(first, second)
            case "crash":
                life.crash()
            case _:
                getattr(life, what)(first)

    table = life.end()

    assert life.topic.keys() == table.keys()
    for key, row in table.items():
        assert life.topic[key]["PART0"] == row["PART0"]
