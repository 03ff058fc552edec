"""The schema editors get agrees with what the bridge accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bridge import cli
from bridge.config import yaml_places
from tests.unit.installed import install

EXAMPLES = Path(__file__).parents[2] / "config"


@pytest.fixture
def validator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Draft202012Validator:
    install(tmp_path, monkeypatch)
    assert cli.main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def file(**parts: Any) -> dict[str, Any]:
    connector = {"kind": "shop", "url": "x", **parts.pop("erp", {})}
    head = {"version": 1, "name": "p", "kafka": {"bootstrap.servers": "b"}}
    return {**head, "connectors": {"erp": connector}, **parts}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda each: each.name)
def test_the_examples_are_valid_as_the_bridge_reads_them(
    validator: Draft202012Validator, example: Path
) -> None:
    validator.validate(yaml_places.read(example).data)


@pytest.mark.parametrize(
    "good",
    [
        file(),
        file(topics="require"),
        file(topics={"partitions": 3, "on_missing": "create"}),
        file(defaults={"interval": "5s", "late_window": "60s", "max_rows_per_s": 10, "columns": ["id"]}),
        file(erp={"interval": 1, "mode": "images", "max_rejects": 0.5, "transaction": {"bytes": "1 MiB"}}),
        file(
            erp={
                "streams": {"a": None, "b": {"topic": "x", "mode": "images", "quiet_hours": "1:00-2:00 UTC"}}
            }
        ),
        file(erp={"password": "env:X"}),
        file(daemon={"http": "off", "log": {"level": "debug"}, "run_dir": "/run/x"}),
        file(kafka={"bootstrap.servers": "b", "linger.ms": 5, "some.new.setting": True}),
        file(kafka={"bootstrap.servers": "b", "acks": "all"}),
        file(daemon=None, topics=None, defaults=None),
    ],
)
def test_what_the_bridge_accepts_is_valid(validator: Draft202012Validator, good: dict[str, Any]) -> None:
    validator.validate(good)


@pytest.mark.parametrize(
    "bad",
    [
        file(version=2),
        file(topcs="create"),
        file(topics="creat"),
        file(defaults={"late_windw": "60s"}),
        file(connectors={}),
        file(connectors={"erp": {}}),
        file(connectors={"e r p": {"kind": "shop", "url": "x"}}),
        file(erp={"kind": "shpo"}),
        file(erp={"intervall": 5}),
        file(erp={"interval": "soon"}),
        file(erp={"password": "hunter2"}),
        file(erp={"streams": {"a": {"mode": "imags"}}}),
        file(erp={"streams": {"a": {"url": "x"}}}),
        file(kafka={"bootstrap.servers": "b", "transactional.id": "x"}),
        file(kafka={"bootstrap.servers": "b", "test.mock.num.brokers": 3}),
        file(kafka={"bootstrap.servers": "b", "error_cb": "x"}),
        file(kafka={"bootstrap.servers": "b", "acks": 1}),
        file(daemon={"restarts": "many"}),
    ],
)
def test_what_the_bridge_refuses_is_invalid(validator: Draft202012Validator, bad: dict[str, Any]) -> None:
    assert not validator.is_valid(bad)


def test_every_option_is_described(validator: Draft202012Validator) -> None:
    (kind,) = [
        part["then"] for part in kinds(validator) if part["if"]["properties"]["kind"]["const"] == "shop"
    ]
    options = {name: option for name, option in kind["properties"].items() if name != "kind"}

    assert [name for name, option in options.items() if not option.get("description")] == []


def kinds(validator: Draft202012Validator) -> list[dict[str, Any]]:
    assert isinstance(validator.schema, dict)
    found: list[dict[str, Any]] = validator.schema["properties"]["connectors"]["additionalProperties"][
        "allOf"
    ]
    return found
