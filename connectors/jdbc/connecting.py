"""From options to an open java.sql.Connection."""

from __future__ import annotations

from typing import Any

from bridge.contract import Secret
from bridge.errors import ConfigError
from connectors.jdbc import jvm
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialect import Dialect

# Network time-outs come after the statement's own, which leaves the connection usable.
NETWORK_GRACE = 3.0


def properties(config: JdbcConfig, dialect: Dialect) -> tuple[dict[str, str], list[str]]:
    """What the driver is told, and the secrets in it: the dialect's settings, the operator's over them."""
    network = config.statement_timeout + NETWORK_GRACE
    seconds = {"login": round(config.login_timeout), "socket": round(network)}
    times = seconds | {f"{name}_ms": value * 1000 for name, value in seconds.items()}
    told = {name: template.format(**times) for name, template in dialect.properties.items()}
    secrets = []
    account = {"user": config.user, "password": config.password}
    own = {name: value for name, value in account.items() if value is not None}
    for name, value in {**config.properties, **own}.items():
        if isinstance(value, Secret):
            told[name] = value.reveal()
            secrets.append(told[name])
        elif value is not None:
            told[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return told, secrets


def connect(config: JdbcConfig, driver: Any, settings: dict[str, str]) -> Any:
    told = jvm.java("java.util.Properties")()
    for name, value in settings.items():
        told.setProperty(name, value)
    jvm.java("java.sql.DriverManager").setLoginTimeout(round(config.login_timeout))
    connection = driver.connect(config.url, told)
    if connection is None:
        raise ConfigError("the driver does not know this URL", remedy="check `url` and `driver`")
    return connection
