"""What an operator may do to positions, and what is refused before anybody is fenced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.amend import Amending, Import, exported, imported
from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.contract import (
    CONTRACT_VERSION,
    MAX_POSITION_BYTES,
    Ask,
    Batch,
    Connector,
    ConnectorConfig,
    Stream,
)
from bridge.errors import ConfigError
from bridge.positions import Ledger, Stored

ORDERS = Stored({"id": 7}, "jdbc", 1, "db1", {"erp.orders": 3})
HERE, IDS = "a-cluster", {"erp.orders": "an-id"}
LEDGER = Ledger(streams={"orders": ORDERS})
STREAMS = {name: StreamOptions() for name in ("orders", "items", "cust_*")}


class Numbers(Connector):
    """Its positions are {"id": NUMBER}."""

    position_version = 2

    def check_position(self, stream: str, position: Any) -> None:
        if stream != "items" and not isinstance(position, dict):
            raise ConfigError("it is no mapping", remedy='write {"id": NUMBER}')

    def open(self) -> None: ...
    def discover(self) -> Sequence[Stream]:
        return ()

    def poll(self, stream: Stream, position: Any, ask: Ask) -> Batch:
        return Batch(position)

    def close(self) -> None: ...


NUMBERS = Numbers(ConnectorConfig())
AMENDING = Amending(ConnectorSettings(name="erp", kind="jdbc", streams=STREAMS), NUMBERS)


def test_a_stream_is_moved_and_all_else_of_its_record_stays() -> None:
    moved = AMENDING.moved(LEDGER, "orders", {"id": 3})
    assert moved == {"orders": replace(ORDERS, position={"id": 3}, version=2)}


def test_a_position_written_by_hand_is_of_today_s_kind_and_version() -> None:
    old = replace(ORDERS, kind="odbc", version=99, contract=99)
    moved = AMENDING.moved(Ledger(streams={"orders": old}), "orders", {"id": 3})["orders"]
    assert (moved.kind, moved.version, moved.contract) == ("jdbc", 2, CONTRACT_VERSION)


def test_a_position_the_connector_does_not_know_is_refused_with_one_that_would_do() -> None:
    with pytest.raises(ConfigError) as caught:
        AMENDING.moved(LEDGER, "orders", "ten")
    assert str(caught.value) == (
        'erp/orders: "ten" is no position of this stream: it is no mapping; write {"id": NUMBER}'
    )
    with pytest.raises(ConfigError, match="erp/orders: 7 is no position of this stream"):
        AMENDING.rewound(LEDGER, "orders", 7)


def test_a_wrong_position_is_cut_where_it_is_shown() -> None:
    with pytest.raises(ConfigError, match=r'"x{79}\.\.\. is no position'):
        AMENDING.moved(LEDGER, "orders", "x" * 1000)


def test_the_start_needs_no_check() -> None:
    assert AMENDING.moved(LEDGER, "orders", None)["orders"].position is None


def test_a_connector_that_checks_nothing_takes_any_position() -> None:
    assert AMENDING.moved(LEDGER, "items", [1, "two"])["items"].position == [1, "two"]


def test_a_position_that_is_too_large_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"the position has \d+ bytes, the limit is \d+; write a shorter one"
    ):
        AMENDING.moved(LEDGER, "items", "x" * MAX_POSITION_BYTES)


def test_imported_positions_are_checked_as_far_as_the_connector_can_know_them() -> None:
    wrong = replace(ORDERS, position="ten", version=2)
    for older in (replace(wrong, version=1), replace(wrong, kind="odbc")):
        assert AMENDING.checked({"orders": older}) == {"orders": older}
    with pytest.raises(ConfigError, match='erp/orders: "ten" is no position'):
        AMENDING.checked({"items": wrong, "orders": wrong})


def test_a_stream_is_rewound_to_its_start() -> None:
    assert AMENDING.rewound(LEDGER, "orders", None)["orders"].position is None


@pytest.mark.parametrize("stream", ["items", "ordres"])
def test_a_stream_that_has_been_nowhere_cannot_be_rewound(stream: str) -> None:
    with pytest.raises(ConfigError, match=f"stream {stream} has no position; there are: orders"):
        AMENDING.rewound(LEDGER, stream, None)


def test_a_stream_without_a_record_gets_one_that_any_database_fits() -> None:
    stored = AMENDING.moved(LEDGER, "cust_1", {"id": 3})["cust_1"]
    assert stored == Stored({"id": 3}, "jdbc", 2, identity="", accept=True)


def test_a_stream_the_configuration_does_not_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no stream ordres; there are: orders"):
        AMENDING.moved(LEDGER, "ordres", {})
    with pytest.raises(ConfigError, match="names no stream ordres; there are: orders"):
        AMENDING.accepted(LEDGER, ["ordres"])


def test_accepting_keeps_the_position() -> None:
    assert AMENDING.accepted(LEDGER, ["orders"]) == {"orders": replace(ORDERS, accept=True)}


def test_accepting_a_stream_without_a_position_starts_it() -> None:
    assert AMENDING.accepted(LEDGER, ["items"])["items"].position is None


def test_only_streams_that_the_configuration_names_are_imported() -> None:
    found = AMENDING.configured({"orders": ORDERS, "cust_1": ORDERS, "gone": ORDERS})
    assert set(found) == {"orders", "cust_1"}
    with pytest.raises(ConfigError, match=r"the configuration names none \(gone\)"):
        AMENDING.configured({"gone": ORDERS})


def test_a_configuration_that_names_no_stream_has_them_all() -> None:
    everything = Amending(ConnectorSettings(name="erp", kind="jdbc"), NUMBERS)
    assert set(everything.configured({"anything": ORDERS})) == {"anything"}


def test_an_export_of_another_connector_is_refused() -> None:
    text = json.dumps(exported("crm", LEDGER, HERE))
    with pytest.raises(
        ConfigError, match=r"file is of connector crm, not erp; if that is right, .*--from crm"
    ):
        imported(text, "file", "erp", HERE)
    with pytest.raises(ConfigError, match=r"file is of connector crm, not shop"):
        imported(text, "file", "erp", HERE, "shop")
    assert imported(text, "file", "crm", HERE) == Import(dict(LEDGER.streams))


def test_positions_of_another_connector_come_without_its_topics() -> None:
    text = json.dumps(exported("crm", Ledger(streams={"orders": replace(ORDERS, ids=IDS)}), HERE))
    assert imported(text, "file", "erp", HERE, "crm") == Import({"orders": replace(ORDERS, partitions={})})


def test_positions_of_the_same_cluster_know_which_topics_they_were_written_beside() -> None:
    orders = replace(ORDERS, ids=IDS)
    text = json.dumps(exported("erp", Ledger(streams={"orders": orders}), HERE))
    assert imported(text, "file", "erp", HERE) == Import({"orders": orders})


@pytest.mark.parametrize(
    ("exporter", "here", "why"),
    [
        ("elsewhere", HERE, "file is of another cluster"),
        ("", HERE, "file does not say of which cluster it is"),
        ("elsewhere", None, "file does not say of which cluster it is"),
    ],
)
def test_another_cluster_s_topics_are_others_and_that_is_said(
    exporter: str, here: str | None, why: str
) -> None:
    text = json.dumps(exported("erp", Ledger(streams={"orders": replace(ORDERS, ids=IDS)}), exporter))
    assert imported(text, "file", "erp", here) == Import({"orders": ORDERS}, why)


def test_what_an_operator_agreed_to_travels_in_no_file() -> None:
    agreed = {"orders": replace(ORDERS, accept=True)}
    document = exported("erp", Ledger(streams=agreed), HERE)
    assert document["streams"]["orders"]["accept"] is False
    document["streams"]["orders"]["accept"] = True
    assert imported(json.dumps(document), "file", "erp", HERE).records == {"orders": ORDERS}


STORED = st.builds(
    Stored,
    position=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
    kind=st.text(min_size=1),
    version=st.integers(1, 9),
    identity=st.text(),
    partitions=st.dictionaries(st.text(min_size=1), st.integers(1, 99), max_size=3),
    contract=st.integers(1, 9),
    accept=st.booleans(),
)


@given(st.dictionaries(st.text(min_size=1), STORED, max_size=4))
def test_what_is_exported_can_be_imported(streams: dict[str, Stored]) -> None:
    text = json.dumps(exported("erp", Ledger(streams=streams), HERE))
    assert imported(text, "file", "erp", HERE).records == {
        name: replace(stored, accept=False) for name, stored in streams.items()
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "file is no JSON"),
        ("[" * 100_000, "file is no JSON"),
        ("{}", "file is no export of positions"),
        ("[1]", "file is no export of positions"),
        ('{"schema": 2, "streams": {}}', "file is no export of positions"),
        ('{"schema": 1}', "file is of connector None, not erp"),
        ('{"schema": 1, "connector": "erp"}', "file: streams: Input should be"),
        (
            '{"schema": 1, "connector": "erp", "streams": {"orders": {"position": 1}}}',
            r"file: streams\.orders\.kind: ",
        ),
    ],
)
def test_a_file_that_is_no_export_is_refused_with_its_name(text: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        imported(text, "file", "erp", HERE)
