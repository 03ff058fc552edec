"""The peer's store: what rows were at any SCN, how far that reaches, and whose changes are seen."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.evaluate import execute
from bridge.testing.oracle.scns import SCN_EVERY
from bridge.testing.oracle.session import Session
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.tables import Kind, Table
from bridge.testing.oracle.values import RowId

VERSIONS = (
    "SELECT versions_startscn, versions_endscn, versions_operation, id, v, ROWID FROM app.t"
    " VERSIONS BETWEEN SCN :low AND :high"
)


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * 10**9

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)


@pytest.fixture
def table(store: Store) -> Table:
    return made(store)


def made(store: Store, **options: Any) -> Table:
    return store.create("APP", "T", [("ID", "NUMBER(10)"), ("V", "VARCHAR2(20)")], key=["ID"], **options)


def rows(store: Store, scn: int) -> dict[int, str]:
    answer = execute(Session(store, "APP"), "SELECT id, v FROM t AS OF SCN :scn", {"scn": scn})
    return dict(answer.rows)


def versions(store: Store, low: int, high: int | None = None) -> list[tuple[Any, ...]]:
    binds = {"low": low, "high": store.scn if high is None else high}
    return list(execute(Session(store, "APP"), VERSIONS, binds).rows)


def refused(code: int) -> Any:
    return pytest.raises(OracleError, match=f"ORA-{code:05d}")


# -- what is seen


def test_a_change_is_seen_by_others_from_its_commit_on(store: Store, table: Table) -> None:
    before = store.scn
    tx = store.transaction()
    tx.insert(table, {"ID": 1, "V": "a"})
    assert rows(store, store.scn) == {}
    scn = tx.commit()
    assert scn > before
    assert rows(store, scn) == {1: "a"}
    assert rows(store, before) == {}


def test_a_late_commit_has_a_later_scn_than_what_was_begun_after_it(store: Store, table: Table) -> None:
    early = store.transaction()
    early.insert(table, {"ID": 1, "V": "early"})
    middle = store.insert(table, [{"ID": 2, "V": "late"}])
    last = early.commit()
    assert rows(store, middle) == {2: "late"}
    assert [v[3] for v in versions(store, middle + 1) if v[2] == "I"] == [1]
    assert last > middle


def test_a_rollback_leaves_nothing(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1, "V": "a"}])
    before = store.scn
    tx = store.transaction()
    tx.update(table, 1, {"V": "b"})
    tx.insert(table, {"ID": 2, "V": "c"})
    tx.rollback()
    assert rows(store, store.scn) == {1: "a"}
    assert [v[:4] for v in versions(store, before)] == [(before, None, "I", 1)]
    assert not store.transactions


def test_a_transaction_is_open_until_its_end(store: Store, table: Table) -> None:
    tx = store.transaction("ERP")
    tx.insert(table, {"ID": 1})
    assert list(store.transactions.values()) == [tx]
    tx.commit()
    assert not store.transactions


def test_a_row_that_another_transaction_has_changed_is_busy(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1, "V": "a"}])
    first, second = store.transaction(), store.transaction()
    first.update(table, 1, {"V": "b"})
    with refused(54):
        second.update(table, 1, {"V": "c"})
    first.commit()
    second.update(table, 1, {"V": "c"})
    second.commit()
    assert rows(store, store.scn) == {1: "c"}


def test_a_key_is_unique(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1}])
    with refused(1), store.transaction() as tx:
        tx.insert(table, {"ID": 1})
    with refused(1400), store.transaction() as tx:
        tx.insert(table, {"V": "no key"})


def test_a_key_that_another_transaction_deletes_cannot_be_used_yet(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1}])
    deleting, inserting = store.transaction(), store.transaction()
    deleting.delete(table, 1)
    with refused(54):
        inserting.insert(table, {"ID": 1})
    deleting.commit()
    inserting.insert(table, {"ID": 1})
    inserting.commit()
    assert rows(store, store.scn) == {1: None}


def test_keys_are_proved_at_the_end_of_a_statement(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1, "V": "a"}, {"ID": 2, "V": "b"}])
    session = Session(store, "APP")
    execute(session, "UPDATE t SET id = 3 - id")
    session.commit()
    assert rows(store, store.scn) == {2: "a", 1: "b"}
    with refused(1):
        execute(session, "UPDATE t SET id = 7")
    session.commit()
    assert rows(store, store.scn) == {2: "a", 1: "b"}


# -- versions


def test_each_change_of_a_transaction_is_a_version_of_its_own_and_the_last_one_stays(
    store: Store, table: Table
) -> None:
    since = store.insert(table, [{"ID": 1, "V": "a"}])
    with store.transaction() as tx:
        tx.update(table, 1, {"V": "b"})
        tx.update(table, 1, {"V": "c"})
        scn = tx.commit()
    found = [(start, end, operation, v) for start, end, operation, _, v, _ in versions(store, since)]
    assert found == [(scn, None, "U", "c"), (scn, scn, "U", "b"), (since, scn, "I", "a")]


def test_a_versions_query_may_show_only_what_the_changes_come_to(store: Store, table: Table) -> None:
    since = store.insert(table, [{"ID": 1, "V": "a"}])
    store.per_change = False
    with store.transaction() as tx:
        tx.insert(table, {"ID": 2, "V": "new"})
        tx.update(table, 2, {"V": "newer"})
        tx.insert(table, {"ID": 3})
        tx.delete(table, 3)
        tx.update(table, 1, {"V": "b"})
        tx.delete(table, 1)
    found = [(operation, key, v) for _, _, operation, key, v, _ in versions(store, since + 1) if operation]
    assert sorted(found) == [("D", 1, "b"), ("I", 2, "newer")]


def test_a_version_from_before_the_window_has_no_beginning(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1, "V": "a"}])
    low = store.insert(table, [{"ID": 2, "V": "b"}])
    assert [v[:4] for v in versions(store, low)] == [(None, None, None, 1), (low, None, "I", 2)]


def test_a_version_that_ends_behind_the_window_has_no_end(store: Store, table: Table) -> None:
    low = store.insert(table, [{"ID": 1, "V": "a"}])
    with store.transaction() as tx:
        tx.update(table, 1, {"V": "b"})
        high = tx.commit()
    assert [v[:3] for v in versions(store, low, high - 1)] == [(low, None, "I")]
    assert [v[:3] for v in versions(store, low, high)] == [(high, None, "U"), (low, high, "I")]


def test_a_deletion_shows_the_row_as_it_was_and_never_ends(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1, "V": "a"}])
    with store.transaction() as tx:
        tx.delete(table, 1)
        scn = tx.commit()
    assert [v[:5] for v in versions(store, scn)] == [(scn, None, "D", 1, "a")]


def test_the_update_of_a_key_may_be_shown_as_a_delete_and_an_insert(store: Store, table: Table) -> None:
    since = store.insert(table, [{"ID": 1, "V": "a"}])
    store.split_keys = True
    with store.transaction() as tx:
        tx.update(table, 1, {"ID": 2})
    found = [(operation, key) for _, _, operation, key, _, _ in versions(store, since + 1) if operation]
    assert found == [("I", 2), ("D", 1)]
    assert rows(store, since) == {1: "a"}


def test_the_rowid_of_a_deleted_row_is_used_again(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": 1}])
    with store.transaction() as tx:
        tx.delete(table, 1)
    store.insert(table, [{"ID": 2}])
    assert len({v[5] for v in versions(store, table.ddl_scn)}) == 1


def test_row_movement_gives_a_new_rowid(store: Store, table: Table) -> None:
    since = store.insert(table, [{"ID": 1, "V": "a"}])
    with store.transaction() as tx:
        tx.move(table, 1, {"V": "b"})
    found = {operation: (key, v, rowid) for _, _, operation, key, v, rowid in versions(store, since + 1)}
    assert found["D"][:2] == (1, "a")
    assert found["I"][:2] == (1, "b")
    assert found["D"][2] != found["I"][2]


def test_the_other_node_of_a_cluster_may_commit_behind_the_scn_already_read(
    store: Store, table: Table
) -> None:
    tx = store.transaction()
    tx.insert(table, {"ID": 1})
    for key in range(2, 6):
        store.insert(table, [{"ID": key}])
    read = store.scn
    scn = tx.commit(behind=3)
    assert scn <= read
    assert [v[3] for v in versions(store, scn) if v[0] == scn and v[2] == "I"].count(1) == 1
    assert rows(store, scn)[1] is None


# -- how far it reaches


def test_undo_that_is_overwritten_is_a_snapshot_too_old(store: Store, table: Table) -> None:
    old = store.insert(table, [{"ID": 1, "V": "a"}])
    with store.transaction() as tx:
        tx.update(table, 1, {"V": "b"})
        new = tx.commit()
    store.forget(new)
    with refused(1555):
        rows(store, old)
    with refused(1555):
        versions(store, old)
    assert rows(store, new) == {1: "b"}
    assert [v[:3] for v in versions(store, new)] == [(new, None, "U")]


def test_a_window_that_begins_before_the_retention_is_invalid(store: Store, table: Table) -> None:
    old = store.insert(table, [{"ID": 1}])
    store.forget(store.insert(table, [{"ID": 2}]), code=30052)
    with refused(30052):
        versions(store, old)


def test_an_scn_to_come_is_none(store: Store, table: Table) -> None:
    with refused(8181):
        rows(store, store.scn + 1)


@pytest.mark.parametrize("change", ["drop_column", "truncate", "rebuild"])
def test_flashback_does_not_reach_behind_a_change_of_the_definition(
    store: Store, table: Table, change: str
) -> None:
    scn = store.insert(table, [{"ID": 1, "V": "a"}])
    {
        "drop_column": lambda: store.drop_column(table, "V"),
        "truncate": lambda: store.truncate(table),
        "rebuild": lambda: store.rebuild(table),
    }[change]()
    with refused(1466):
        execute(Session(store, "APP"), "SELECT id FROM t AS OF SCN :scn", {"scn": scn})
    found = execute(Session(store, "APP"), "SELECT id FROM t AS OF SCN :scn", {"scn": store.scn}).rows
    assert list(found) == ([] if change == "truncate" else [(1,)])


def test_a_column_that_is_added_has_its_default_in_the_past_too(store: Store, table: Table) -> None:
    scn = store.insert(table, [{"ID": 1, "V": "a"}])
    store.add_column(table, "N", "NUMBER", 7)
    answer = execute(Session(store, "APP"), "SELECT n FROM t AS OF SCN :scn", {"scn": scn})
    assert list(answer.rows) == [(7,)]


@pytest.mark.parametrize("kind", [Kind.EXTERNAL, Kind.TEMPORARY, Kind.CLUSTER])
def test_some_kinds_of_tables_have_no_versions(store: Store, kind: Kind) -> None:
    made(store, kind=kind)
    with refused(30051):
        versions(store, store.scn - 1)


# -- SCN and time


def test_the_scn_goes_on_with_time(store: Store, clock: Clock) -> None:
    before = store.scn
    clock.now += 10 * SCN_EVERY
    assert store.scn >= before + 10


def test_the_time_of_an_scn_is_that_of_its_commit(store: Store, table: Table, clock: Clock) -> None:
    clock.now += 60 * 10**9
    scn = store.insert(table, [{"ID": 1}])
    assert store.time_of(scn) == clock.now
    assert store.scn_at(clock.now) == scn
    with refused(8181):
        store.time_of(scn + 1)
    with refused(8180):
        store.scn_at(clock.now - 3600 * 10**9)


# -- where rows lie


def test_rows_lie_in_extents_of_several_files_that_their_rowids_name(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": key} for key in range(200)])
    rowids = [version.rowid for version in table.as_of(store.scn)]
    assert rowids == sorted(rowids)
    assert len({rowid.file for rowid in rowids if isinstance(rowid, RowId)}) > 1
    extents = [range(extent.block, extent.block + extent.blocks) for extent in table.extents]
    assert all(
        any(rowid.block in extent for extent in extents) for rowid in rowids if isinstance(rowid, RowId)
    )
    assert [RowId.parse(str(rowid)) for rowid in rowids] == rowids


def test_the_update_of_a_partition_key_moves_the_row_where_it_may(store: Store) -> None:
    table = made(store, partitions=3)
    since = store.insert(table, [{"ID": key, "V": "a"} for key in range(20)])
    assert len({extent.object for extent in table.extents}) == 3
    with refused(14402), store.transaction() as tx:
        for key in range(20):
            tx.update(table, key, {"ID": key + 100})
    table.row_movement = True
    with store.transaction() as tx:
        for key in range(20):
            tx.update(table, key, {"ID": key + 100})
    assert rows(store, store.scn) == {key + 100: "a" for key in range(20)}
    assert {v[2] for v in versions(store, since + 1) if v[2]} == {"D", "I", "U"}


def test_ora_rowscn_is_that_of_the_block_unless_kept_by_row(store: Store) -> None:
    session = Session(store, "APP")
    for row_dependencies in (False, True):
        table = made(store, row_dependencies=row_dependencies)
        first = store.insert(table, [{"ID": 1}])
        second = store.insert(table, [{"ID": 2}])
        answer = execute(session, "SELECT id, ora_rowscn FROM t ORDER BY id").rows
        assert list(answer) == [(1, first if row_dependencies else second), (2, second)]
        store.drop("APP", "T")


def test_a_table_is_dropped_with_its_log_and_may_be_made_again(store: Store, table: Table) -> None:
    for _ in range(2):
        store.create_log(table)
        store.drop(table.owner, table.name)
        assert store.tables() == []
        table = made(store)


def test_a_materialized_view_log_follows_in_the_same_transaction(store: Store, table: Table) -> None:
    store.create_log(table)
    with store.transaction() as tx:
        tx.insert(table, {"ID": 1})
        tx.update(table, 1, {"V": "x"})
        tx.update(table, 1, {"ID": 2})
        tx.delete(table, 2)
    undone = store.transaction()
    undone.insert(table, {"ID": 9})
    undone.rollback()
    answer = execute(
        Session(store, "APP"), 'SELECT id, dmltype$$, old_new$$ FROM "MLOG$_T" ORDER BY sequence$$'
    )
    expected = [(1, "I", "N"), (1, "U", "U"), (1, "D", "O"), (2, "I", "N"), (2, "D", "O")]
    assert list(answer.rows) == expected


def test_whoever_reads_while_others_write_sees_whole_transactions(store: Store, table: Table) -> None:
    store.insert(table, [{"ID": key, "V": "0"} for key in range(10)])
    over = threading.Event()

    def write() -> None:
        for value in range(100):
            with store.transaction() as tx:
                for key in range(10):
                    tx.update(table, key, {"V": str(value)})
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    session = Session(store, "APP")
    while not over.is_set():
        assert len({v for (v,) in execute(session, "SELECT v FROM t").rows}) == 1
        scn = store.scn
        assert len(set(rows(store, scn).values())) == 1
        assert rows(store, scn) == rows(store, scn)
    writer.join()


# -- any history, against the plainest model


@dataclass
class Model:
    """What rows were at every SCN, kept as whole copies."""

    states: dict[int, dict[int, str]] = field(default_factory=dict)
    now: dict[int, str] = field(default_factory=dict)

    def at(self, scn: int) -> dict[int, str]:
        return self.states[max(known for known in self.states if known <= scn)]


KEYS = st.integers(0, 4)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["insert", "update", "delete", "rekey", "move"]), KEYS, KEYS), max_size=5
)
SHOWN = st.fixed_dictionaries({"per_change": st.booleans(), "split_keys": st.booleans()})
HISTORY = st.lists(st.tuples(CHANGES, st.booleans()), max_size=10)


def apply(tx: Any, table: Table, state: dict[int, str], change: tuple[str, int, int], value: str) -> None:
    what, key, other = change
    if what == "insert" and key not in state:
        tx.insert(table, {"ID": key, "V": value})
        state[key] = value
    elif what in ("update", "move") and key in state:
        getattr(tx, what)(table, key, {"V": value})
        state[key] = value
    elif what == "delete" and key in state:
        tx.delete(table, key)
        del state[key]
    elif what == "rekey" and key in state and other not in state:
        tx.update(table, key, {"ID": other})
        state[other] = state.pop(key)


def played(store: Store, table: Table, history: list[tuple[Any, bool]]) -> Model:
    model = Model({store.scn: {}})
    for number, (changes, committed) in enumerate(history):
        state = dict(model.now)
        tx = store.transaction()
        for step, change in enumerate(changes):
            apply(tx, table, state, change, f"{number}.{step}")
        if committed:
            model.states[tx.commit()] = state
            model.now = state
        else:
            tx.rollback()
    return model


@pytest.mark.parametrize("options", [{}, {"kind": Kind.IOT}, {"partitions": 3, "row_movement": True}])
@settings(max_examples=150, deadline=None)
@given(history=HISTORY, shown=SHOWN)
def test_as_of_any_scn_the_rows_are_what_they_were(
    history: list[tuple[Any, bool]], shown: dict[str, bool], options: dict[str, Any]
) -> None:
    store = Store()
    vars(store).update(shown)
    table = made(store, **options)
    model = played(store, table, history)
    for scn in range(min(model.states), store.scn + 1):
        assert rows(store, scn) == model.at(scn)


@pytest.mark.parametrize("options", [{}, {"kind": Kind.IOT}, {"partitions": 3, "row_movement": True}])
@settings(max_examples=150, deadline=None)
@given(history=HISTORY, shown=SHOWN, data=st.data())
def test_the_versions_of_a_window_lead_from_its_first_state_to_every_later_one(
    history: list[tuple[Any, bool]], shown: dict[str, bool], data: st.DataObject, options: dict[str, Any]
) -> None:
    store = Store()
    vars(store).update(shown)
    table = made(store, **options)
    model = played(store, table, history)
    low = data.draw(st.integers(min(model.states), store.scn))
    high = data.draw(st.integers(low, store.scn))
    if data.draw(st.booleans()):
        store.forget(low)
    found = versions(store, low, high)
    for scn in range(low, high + 1):
        assert standing(found, scn, low) == model.at(scn)
    began = [v for v in found if v[2] is not None and v[0] > low]
    assert sorted(map(str, began)) == sorted(map(str, only_begun(store, low, high)))
    assert {v[0] for v in began} <= set(model.states)


def standing(found: list[tuple[Any, ...]], scn: int, low: int) -> dict[int, str]:
    """The rows at an SCN of the window, by the bounds of the versions alone."""
    return {
        key: value
        for start, end, operation, key, value, _ in found
        if operation != "D" and (start or low) <= scn and (end is None or end > scn)
    }


def only_begun(store: Store, low: int, high: int) -> list[tuple[Any, ...]]:
    text = f"{VERSIONS} WHERE versions_startscn > :low AND versions_operation IS NOT NULL"
    return list(execute(Session(store, "APP"), text, {"low": low, "high": high}).rows)


@settings(max_examples=150, deadline=None)
@given(history=HISTORY)
def test_of_several_versions_of_a_row_in_a_transaction_only_the_last_one_is_open(
    history: list[tuple[Any, bool]],
) -> None:
    store = Store()
    table = made(store)
    model = played(store, table, history)
    groups: dict[tuple[Any, Any], list[Any]] = defaultdict(list)
    for start, end, operation, _, _, rowid in versions(store, min(model.states)):
        if operation:
            groups[start, rowid].append(end)
    for (start, _), ends in groups.items():
        assert ends[0] != start
        assert all(end == start for end in ends[1:])
