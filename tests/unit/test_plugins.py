"""Connectors of third parties: found, refused with a remedy, configured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bridge import config, plugins
from bridge.config import ConnectorSettings, StreamOptions
from bridge.contract import Secret
from bridge.errors import ConfigError
from tests.unit.installed import SHOP, install


def settings(**options: Any) -> ConnectorSettings:
    inherited = options.pop("inherited", {})
    options = {"url": "shop://db", **options}
    return ConnectorSettings(name="erp", kind="shop", options=options, inherited=inherited)


def test_an_installed_connector_is_found_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)

    assert "shop" in plugins.kinds()
    assert plugins.load("shop").__name__ == "Shop"


def test_an_unknown_kind_names_the_installed_and_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)

    with pytest.raises(
        ConfigError, match=r"no connector of kind 'shpo'; installed: .*shop.*; did you mean 'shop'\?"
    ):
        plugins.load("shpo")


def test_a_missing_driver_names_the_extra_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import no_such_driver"
    install(tmp_path, monkeypatch, source, kind="shop_soap", metadata="Provides-Extra: shop")

    with pytest.raises(
        ConfigError, match=r"No module named 'no_such_driver'; pip install 'shop-bridge\[shop\]'"
    ):
        plugins.load("shop_soap")


def test_a_missing_driver_without_an_extra_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "import no_such_driver")

    with pytest.raises(ConfigError, match=r"cannot be imported: .*; reinstall shop-bridge"):
        plugins.load("shop")


@pytest.mark.parametrize(
    ("source", "points_to", "why"),
    [
        ("x = 1", "Shop", "the connector 'shop' is broken: AttributeError: module 'shop_bridge' has no"),
        ("1 / 0", "Shop", "the connector 'shop' is broken: ZeroDivisionError: division by zero; reinstall"),
        ("class Shop: ...", "Shop", "not derived from bridge.contract.Connector"),
        (SHOP.replace("pages: int", "prefetch: int"), "Shop", "options that belong to the engine: prefetch"),
        (
            SHOP.replace("late_window: str", "interval: str"),
            "Shop",
            "options that belong to the engine: interval",
        ),
    ],
)
def test_a_connector_that_breaks_the_contract_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, points_to: str, why: str
) -> None:
    install(tmp_path, monkeypatch, source, points_to=points_to)

    with pytest.raises(ConfigError, match=why):
        plugins.load("shop")


def test_two_packages_with_one_kind_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    install(tmp_path, monkeypatch, name="other-shop")

    with pytest.raises(
        ConfigError, match="several packages provide the kind 'shop': other-shop, shop-bridge"
    ):
        plugins.load("shop")


def test_streams_inherit_what_their_model_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)

    connector = plugins.configure(
        settings(
            mode="incrementing",
            streams={"orders": {}, "items": {"mode": "images", "late_window": "1s"}},
            inherited={"late_window": "60s", "for_another_kind": 1},
        )
    )

    orders, items = connector.config.streams["orders"], connector.config.streams["items"]
    assert (orders.mode, orders.late_window) == ("incrementing", "60s")
    assert (items.mode, items.late_window) == ("images", "1s")


def test_a_default_that_no_kind_knows_is_refused_at_its_place_when_the_daemon_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    install(tmp_path, monkeypatch, SHOP.replace("late_window", "tablespace"), kind="other", name="other")
    file = tmp_path / "bridge.yaml"
    text = (
        "version: 1\nname: plant\nkafka: {bootstrap.servers: k}\n"
        "defaults: {tablespace: x, intervall: 1s}\nconnectors: {erp: {kind: shop, url: shop://}}\n"
    )
    file.write_text(text)
    loaded = config.load(file)
    wrong = (
        "4:27: defaults.intervall: no connector's streams have an option 'intervall'; did you mean 'interval'"
    )
    with pytest.raises(ConfigError, match=re.escape(f"{file}:{wrong}")):
        plugins.accepted(loaded.connectors["erp"], loaded.places)

    file.write_text(text.replace("intervall", "interval"))
    loaded = config.load(file)
    plugins.accepted(loaded.connectors["erp"], loaded.places)


def test_everything_wrong_with_the_options_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)

    with pytest.raises(ConfigError) as caught:
        plugins.configure(settings(pages=0, password="hunter2", streams={"orders": {"mode": "imags"}}))

    text = str(caught.value)
    assert text.startswith("connector erp: ")
    assert "pages: 0 must be at least 1" in text
    assert "password: must be a reference to a secret" in text
    assert (
        "streams.orders.mode: 'imags' is not allowed (did you mean 'images'? allowed: images, incrementing)"
        in text
    )
    assert "hunter2" not in text
    assert "\n" not in text


def test_all_secrets_of_a_configuration_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)
    config = plugins.configure(settings(password="env:ERP")).config

    found = set(
        plugins.secrets([config, {"a": (Secret("env:A"), [Secret("env:B")])}, StreamOptions(), "env:C"])
    )

    assert found == {Secret("env:ERP"), Secret("env:A"), Secret("env:B")}


def test_kafka_settings_come_back_from_the_socket_with_their_references() -> None:
    sent = {"bootstrap.servers": "b", "sasl.password": "env:K", "linger.ms": 5, "debug": False}

    assert plugins.kafka_settings(sent) == sent | {"sasl.password": Secret("env:K")}
