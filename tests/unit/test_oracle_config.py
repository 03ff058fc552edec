"""What an operator writes for an Oracle database, and what he is told when it cannot be right."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.errors import ConfigError
from bridge.inspection import inspected
from bridge.plugins import stream_keys
from connectors.oracle import OracleConnector
from connectors.oracle.config import OracleConfig, OracleStream
from tests.unit.config_files import config_file

FLASHBACK = {"mode": "flashback", "scn": 4711}

LEAST: dict[str, Any] = {
    "dsn": "db1:1521/ORCLPDB1",
    "user": "BRIDGE",
    "password": "env:ERP_PASSWORD",
    "streams": {"SALES.ORDERS": {}},
}


def config(**options: Any) -> OracleConfig:
    return OracleConfig.model_validate(LEAST | options)


def refused(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        config(**options)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in caught.value.errors())


def stream(**options: Any) -> OracleStream:
    return config(streams={"SALES.ORDERS": options}).streams["SALES.ORDERS"]


def test_a_stream_without_options_is_flashback_after_a_snapshot() -> None:
    assert (stream().mode, stream().snapshot, stream().before) == ("flashback", True, False)


@pytest.mark.parametrize(
    "dsn",
    [
        "db1:1521/ORCLPDB1",
        "tcps://db1,db2:2484/pdb?wallet_location=/etc/wallet",
        "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=a)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=x)))",
        "ERP_PROD",
        "db1/pdb?expire_time=2&mail=x@y",
    ],
)
def test_a_place_may_be_told_in_every_way_of_oracle_s(dsn: str) -> None:
    assert config(dsn=f" {dsn} ").dsn == dsn


@pytest.mark.parametrize(
    ("dsn", "why"),
    [
        ("scott/tiger@db1/pdb", "names an account"),
        ("scott@db1/pdb", "names an account"),
        ("scott/p?tiger@db1/pdb", "names an account"),
        ("(DESCRIPTION=(PASSWORD=tiger)(ADDRESS=(HOST=a)))", "names an account"),
        ("db1/pdb?pyo.password=tiger", "names an account"),
        ("db1/pdb?expire_time=2&PYO.User = tiger", "names an account"),
        ("tcps://db1/pdb?pyo.access_token=tiger", "names an account"),
        ("db1/pdb?wallet_password=tiger", "`tls.wallet_password`"),
        ("db1/pdb?expire_time=2&pyo.wallet_password=tiger", "`tls.wallet_password`"),
        ("(DESCRIPTION=(SECURITY=( WALLET_PASSWORD = tiger))(ADDRESS=(HOST=a)))", "`tls.wallet_password`"),
        ("  ", "is empty"),
        ("tcps://db1/x?ssl_server_dn_match=off", "switches off the check"),
        ("(DESCRIPTION=(SECURITY=(SSL_SERVER_DN_MATCH = NO)))", "switches off the check"),
    ],
)
def test_a_place_says_nothing_of_accounts_and_keeps_the_checks(dsn: str, why: str) -> None:
    told = refused(dsn=dsn)
    assert why in told
    assert "tiger" not in told


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("db1:1521/pdb", "db1:1521/pdb"),
        (
            "tcps://db1,[::1]:2484/pdb:dedicated?wallet_location=/hidden",
            "tcps://db1,[::1]:2484/pdb:dedicated",
        ),
        ("//db1/pdb", "//db1/pdb"),
        ("erp.plant.example", "erp.plant.example"),
        (
            "(DESCRIPTION=(X=/hidden)(ADDRESS=(HOST = a)\n(PORT=1))(ADDRESS=(HOST=b)(PORT=2))(SID=x))",
            "a:1,b:2/x",
        ),
        ("(DESCRIPTION=(ADDRESS=(HOST=a))(CONNECT_DATA=(SID=x)(HIDDEN=1)))", "a/x"),
        ("(DESCRIPTION=(ADDRESS=hidden", "the database of `dsn`"),
        ("config-file:///etc/hidden.json?key=x", "the database of `dsn`"),
    ],
)
def test_messages_tell_hosts_ports_and_service_of_a_place_and_no_more(dsn: str, told: str) -> None:
    assert config(dsn=dsn).place == told


def test_a_user_that_is_two_is_told_how_to_write_them() -> None:
    assert "user: BRIDGE, and proxy_for: APP" in refused(user="BRIDGE[APP]")


@pytest.mark.parametrize("user", ["", " ", "scott/tiger"])
def test_a_user_that_is_none(user: str) -> None:
    assert "no name of an account" in refused(user=user)


def test_a_password_in_clear_is_refused_without_showing_it() -> None:
    told = refused(password="tiger")
    assert "password" in told
    assert "tiger" not in told


def test_timestamp_mode_must_be_told_its_column() -> None:
    assert "must name the column with the time" in refused(streams={"A.B": {"mode": "timestamp"}})
    assert stream(mode="timestamp", columns=["CHANGED_AT"]).columns == ("CHANGED_AT",)


@pytest.mark.parametrize(
    ("mode", "option", "value"),
    [
        ("flashback", "columns", ["A"]),
        ("images", "before", True),
        ("rowscn", "overlap", "5s"),
        ("flashback", "time_zone", "Europe/Berlin"),
        ("outbox", "consumer", "bridge"),
        ("mview_log", "key", ["ID"]),
        ("aq", "key", ["ID"]),
        ("aq", "max_value_bytes", 10),
        ("aq", "oversize", "truncate"),
        ("aq", "trim", True),
        ("aq", "unknown_types", "fail"),
    ],
)
def test_an_option_of_another_mode_is_refused(mode: str, option: str, value: Any) -> None:
    told = refused(streams={"A.B": {"mode": mode, option: value}})
    assert f"has no meaning in {mode} mode" in told


def test_queues_are_named_one_by_one() -> None:
    assert "name each queue" in refused(streams={"SALES.*_Q": {"mode": "aq"}})
    assert config(streams={"SALES.EVENTS_Q": {"mode": "aq"}, "SALES.*": {}}).most_sessions == 2


def test_a_column_is_named_once() -> None:
    assert "names a column twice" in refused(streams={"A.B": {"key": ["ID", "ID"]}})


def test_a_time_zone_must_be_one() -> None:
    options = {"mode": "timestamp", "columns": ["T"]}
    assert "is no time zone" in refused(streams={"A.B": {**options, "time_zone": "Berlin"}})
    zone = stream(**options, time_zone="Europe/Berlin").zone
    assert zone is not None
    assert zone.key == "Europe/Berlin"


def test_client_libraries_are_for_the_thick_client() -> None:
    assert "has no meaning with client: thin" in refused(client_lib="/opt/instantclient")
    assert config(client="thick", client_lib="/opt/instantclient").client == "thick"


def test_a_key_is_of_a_certificate() -> None:
    assert "is of no use without `certificate`" in refused(tls={"key": "/etc/key.pem"})


def test_a_label_that_the_view_would_cut_is_refused() -> None:
    assert "at most 48 bytes" in refused(session_label="ä" * 25)


@pytest.mark.parametrize(
    ("modes", "most"),
    [(["flashback"], 1), (["flashback", "outbox", "mview_log"], 2), (["aq", "aq"], 3), (["outbox", "aq"], 3)],
)
def test_sessions_are_counted(modes: list[str], most: int) -> None:
    streams = {f"A.T{number}": {"mode": mode} for number, mode in enumerate(modes)}
    assert config(streams=streams).most_sessions == most


def test_streams_inherit_what_is_theirs() -> None:
    assert {"mode", "snapshot", "late_window", "before", "max_value_bytes"} <= stream_keys(OracleConfig)


def test_an_account_is_one_whatever_its_case() -> None:
    assert config(user="bridge").account == config(user="BRIDGE").account
    assert config(user='"Bridge"').account == '"Bridge"'


def test_the_options_are_read_without_the_driver_and_arrow() -> None:
    script = (
        "import sys, connectors.oracle;"
        "print([name for name in ('oracledb', 'pyarrow', 'jpype') if name in sys.modules])"
    )
    told = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("options", "position"),
    [
        ({}, FLASHBACK),
        ({}, {"mode": "snapshot", "scn": 1, "after": None, "bounds": [], "then": FLASHBACK}),
        ({"mode": "images"}, {"mode": "images", "scan": "complete"}),
        ({"mode": "outbox"}, {"mode": "outbox"}),
    ],
)
def test_a_position_of_the_stream_s_mode_may_be_set(options: Any, position: Any) -> None:
    OracleConnector(config(streams={"A.B": options})).check_position("A.B", position)


@pytest.mark.parametrize(
    ("options", "position"),
    [
        ({}, 4711),
        ({}, {"mode": "flashback"}),
        ({}, {"mode": "flashback", "scn": "4711"}),
        ({}, {"mode": "images", "scan": "complete"}),
        ({"snapshot": False}, {"mode": "snapshot", "scn": 1}),
        ({"mode": "rowscn"}, {"scn": 1}),
    ],
)
def test_a_position_of_another_form_is_refused_with_the_right_one(options: Any, position: Any) -> None:
    with pytest.raises(ConfigError, match=r'write \{"mode": "'):
        OracleConnector(config(streams={"A.B": options})).check_position("A.B", position)


def test_the_example_is_right() -> None:
    assert list(map(str, inspected(Path(__file__).parents[2] / "config" / "oracle.yaml"))) == []


@pytest.mark.parametrize("excluded", ["ORDERS_TMP", "Sales.ORDERS_TMP", "SALES.TMP"])
def test_a_table_that_nothing_finds_cannot_be_left_out(excluded: str) -> None:
    streams: dict[str, Any] = {"SALES.ORDERS*": {}}
    config(streams=streams, exclude_tables=["SALES.ORDERS_TMP", "*_OLD", "TMP_?"])
    assert f"{excluded}: no table or pattern under `streams` fits this; write OWNER.NAME" in refused(
        streams=streams, exclude_tables=[excluded]
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dsn", "scott/tiger@db1/pdb"),
        ("dsn", "db1/pdb?wallet_password=tiger"),
        ("dsn", "(SECURITY=(WALLET_PASSWORD = tiger))"),
        ("dsn", "db1/pdb?pyo.access_token=tiger"),
        ("user", "scott/tiger"),
        ("user", "scott/tiger[app]"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown(tmp_path: Path, option: str, value: str) -> None:
    connector = {**LEAST, "kind": "oracle", option: value}
    (told,) = map(str, inspected(config_file(tmp_path, connector)))
    assert f"connectors.erp.{option}: " in told
    assert "tiger" not in told
