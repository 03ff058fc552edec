"""A JDBC connector's options: what is wrong is refused where it stands, and a secret is never repeated."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.contract import Secret
from connectors.jdbc.config import JdbcConfig

GOOD: dict[str, Any] = {
    "url": "jdbc:postgresql://db.plant.example/erp",
    "user": "bridge",
    "password": "env:ERP_PASSWORD",
    "streams": {"public.orders": {"mode": "incrementing"}},
}


def config(**changes: Any) -> JdbcConfig:
    return JdbcConfig.model_validate({**GOOD, **changes})


def test_a_small_configuration_is_enough() -> None:
    assert config().streams["public.orders"].columns == ()
    assert config().password == Secret("env:ERP_PASSWORD")


@pytest.mark.parametrize(
    ("written", "seconds"), [("15s", 15), ("1500ms", 1.5), ("2m", 120), (20, 20), ("1h30m", 5400)]
)
def test_durations_have_units(written: str | int, seconds: float) -> None:
    assert config(statement_timeout=written).statement_timeout == seconds


@pytest.mark.parametrize(("written", "octets"), [("1 MiB", 2**20), (10, 10), (None, None)])
def test_so_have_sizes(written: str | int | None, octets: int | None) -> None:
    stream = {"mode": "images", "max_value_bytes": written}
    assert config(streams={"t": stream}).streams["t"].max_value_bytes == octets


def test_a_secret_among_the_properties_must_be_a_reference() -> None:
    with pytest.raises(ValidationError) as refusal:
        config(properties={"sslpassword": "hunter2xyz"})
    assert "sslpassword is a secret in clear" in str(refusal.value)
    assert "hunter2xyz" not in str(refusal.value)
    taken = config(
        properties={"sslpassword": "file:/run/secrets/key", "sslmode": "verify-full", "loginTimeout": 5}
    )
    assert taken.properties == {
        "sslpassword": Secret("file:/run/secrets/key"),
        "sslmode": "verify-full",
        "loginTimeout": 5,
    }


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"streams": {}}, "streams"),
        ({"streams": {"t": {"mode": "increment"}}}, "streams.t.mode"),
        ({"streams": {"t": {"mode": "incrementing", "column": "id"}}}, "streams.t.column"),
        ({"streams": {"t": {"mode": "incrementing", "columns": ["a", "b"]}}}, "streams.t.columns"),
        ({"streams": {"t": {"mode": "images", "columns": ["a"]}}}, "streams.t.columns"),
        ({"streams": {"t": {"mode": "timestamp"}}}, "streams.t.columns"),
        ({"streams": {"t": {"mode": "timestamp", "columns": ["a", "b"]}}}, "streams.t.columns"),
        ({"streams": {"t": {"mode": "timestamp+incrementing", "columns": ["a"]}}}, "streams.t.columns"),
        ({"streams": {"t": {"mode": "timestamp+incrementing", "columns": ["a", "a"]}}}, "streams.t.columns"),
        ({"streams": {"t": {"mode": "images", "snapshot": True}}}, "streams.t.snapshot"),
        ({"streams": {"t": {"mode": "images", "unique": True}}}, "streams.t.unique"),
        ({"streams": {"t": {"mode": "images", "time_zone": "UTC"}}}, "streams.t.time_zone"),
        (
            {"streams": {"t": {"mode": "timestamp", "columns": ["a"], "time_zone": "Berlin"}}},
            "streams.t.time_zone",
        ),
        ({"streams": {"t": {"mode": "images", "key": ["a", "a"]}}}, "streams.t.key"),
        ({"streams": {"t": {"mode": "images", "max_value_bytes": 0}}}, "streams.t.max_value_bytes"),
        ({"streams": {"t": {"mode": "images", "max_value_bytes": "33 MiB"}}}, "streams.t.max_value_bytes"),
        ({"streams": {"t": {"mode": "images", "query": "SELECT 1"}}}, "streams.t.key"),
        ({"streams": {"t": {"mode": "images", "query": "DELETE FROM t", "key": ["a"]}}}, "streams.t.query"),
        ({"streams": {"t*": {"mode": "images", "query": "SELECT 1", "key": ["a"]}}}, "streams"),
        ({"url": "postgresql://db/erp"}, "url"),
        ({"url": "jdbc:postgresql//db/erp"}, "url"),
        ({"heap": "much"}, "heap"),
        ({"statement_timeout": "30d"}, "statement_timeout"),
        ({"login_timeout": 1e400}, "login_timeout"),
        ({"properties": {"sslmode": "require", "sslpassword": "hunter2xyz"}}, "properties.sslpassword"),
        ({"properties": {"sslmode": ["hunter2xyz"]}}, "properties.sslmode"),
        ({"properties": {"pass": "hunter2xyz"}}, "properties.pass"),
        ({"properties": {"crypt_key": "hunter2xyz"}}, "properties.crypt_key"),
        ({"properties": {"INIT": "CREATE USER x PASSWORD 'hunter2xyz'"}}, "properties.INIT"),
        ({"login_timeout": True}, "login_timeout"),
        ({"login_timeout": "500ms"}, "login_timeout"),
        ({"statement_timeout": "soon"}, "statement_timeout"),
        ({"password": "hunter2xyz"}, "password"),
        ({"exclude": ["public.t"]}, "exclude"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        config(**changes)
    places = [".".join(map(str, error["loc"])) for error in refusal.value.errors()]
    assert places == [places[0]]
    assert places[0].startswith(place)
    assert "hunter2xyz" not in str(refusal.value)


def test_every_mode_has_its_options() -> None:
    streams = {
        "a": {"mode": "images", "key": ["x", "y"]},
        "b": {"mode": "timestamp", "columns": ["at"], "time_zone": "Europe/Berlin", "late_window": "5m"},
        "c": {"mode": "timestamp+incrementing", "columns": ["at", "id"], "snapshot": False},
        "d": {"mode": "incrementing", "columns": ["id"], "snapshot": True, "unique": True},
        "e": {
            "mode": "images",
            "query": "-- all of it\n/* or so */ with q as (select 1) select 1",
            "key": ["x"],
        },
    }
    told = config(streams=streams).streams
    assert {name: one.reads_snapshot for name, one in told.items()} == {
        "a": False, "b": True, "c": False, "d": True, "e": False
    }  # fmt: skip


def test_the_size_of_a_heap_is_asked_for_in_words() -> None:
    with pytest.raises(ValidationError, match="write it like 256m or 2g"):
        config(heap="lots")
    for heap in ("47m", "1m", "1025g", "999999g"):
        with pytest.raises(ValidationError, match="must be 48m to 1024g"):
            config(heap=heap)


@pytest.mark.parametrize("excluded", ["orders_tmp", "Public.orders_tmp", "public.tmp"])
def test_a_table_that_nothing_finds_cannot_be_left_out(excluded: str) -> None:
    streams: dict[str, Any] = {"public.orders*": {"mode": "incrementing"}}
    config(streams=streams, exclude_tables=["public.orders_tmp", "*_old", "tmp_?"])
    with pytest.raises(ValidationError, match=f"{excluded}: no table or pattern under `streams` fits this"):
        config(streams=streams, exclude_tables=[excluded])


def test_a_configuration_survives_json() -> None:
    whole = config(
        properties={"sslpassword": "env:KEY", "sslmode": "require"}, exclude_tables=["public.tmp_*"]
    )
    assert JdbcConfig.model_validate(whole.model_dump(mode="json")) == whole


def test_the_options_are_read_without_arrow_and_without_java() -> None:
    program = "import sys, connectors.jdbc; print({'pyarrow', 'jpype'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
