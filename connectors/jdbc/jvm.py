"""The JVM with the drivers in it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bridge.errors import ConfigError
from connectors import jvm
from connectors.jars import FOLDERS, jars_folder
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialect import Dialect
from connectors.jdbc.urls import place_of
from connectors.jvm import detach as detach  # noqa: PLC0414 -- as it is for those who use drivers
from connectors.jvm import java as java  # noqa: PLC0414 -- and this

HELPER = Path(__file__).with_name("reader.jar")


def start(config: JdbcConfig, dialect: Dialect) -> None:
    """Have a JVM with the helper and the driver. A process has one JVM: the first heap size counts."""
    if not HELPER.exists():
        raise ConfigError(
            "the compiled Java helper is missing", remedy="run `make setup`, or install the wheel"
        )
    jvm.start((HELPER, *driver_jars(config, dialect)), config.heap)


def driver_jars(config: JdbcConfig, dialect: Dialect) -> list[Path]:
    """The configured jars, or what the jars folder has for this database."""
    if config.jars:
        return [jar for pattern in config.jars for jar in jvm.matching(pattern, "name the driver's jar")]
    folder = jars_folder()
    found = sorted(folder.glob(f"{dialect.artifact or ''}*.jar")) if folder else []
    if not found and config.driver is None and dialect.artifact:
        jar = (
            f"the jar of {dialect.coordinates}" if dialect.coordinates else f"the vendor's {dialect.jar}*.jar"
        )
        maven = f"; in a checkout, add {dialect.coordinates} to jars/pom.xml" if dialect.coordinates else ""
        raise ConfigError(
            f"there is no driver for {dialect.url}",
            remedy=f"put {jar} into {folder or FOLDERS[-1]}, or set `jars`{maven}",
        )
    if dialect.artifact:
        _refuse_two_versions(dialect.artifact, found)
    return found


def _refuse_two_versions(artifact: str, jars: Sequence[Path]) -> None:
    """Which of them Java takes is by their names' order, and classes may be of both. Errors: ConfigError."""
    version = re.compile(rf"{re.escape(artifact)}(-\d.*(?<!-sources)(?<!-javadoc))?\.jar")
    versions = {jar.resolve(): jar.name for jar in jars if version.fullmatch(jar.name)}
    if len(versions) > 1:
        raise ConfigError(
            f"{jars[0].parent} has several versions of one driver: {', '.join(versions.values())}",
            remedy="leave one of them there, or name one under `jars`",
        )


def driver(config: JdbcConfig, dialect: Dialect) -> Any:
    """The driver of this URL: the named class, the database's usual one, or what registered itself."""
    name = config.driver or dialect.driver
    if name is None:
        found = (java(name)() for jar in driver_jars(config, dialect) for name in _offered(jar))
        suitable = (each for each in found if each.acceptsURL(config.url))
        return next(suitable, None) or _registered(config)
    try:
        made = java(name)()
    except TypeError:
        made = None
    if not isinstance(made, java("java.sql.Driver")):
        jars = ", ".join(jar.name for jar in driver_jars(config, dialect)) or "the jars folder"
        raise ConfigError(f"no driver of class {name} in {jars}", remedy="check `driver` and `jars`")
    return made


def _registered(config: JdbcConfig) -> Any:
    """What takes the URL without being asked by name. Errors: ConfigError."""
    try:
        return java("java.sql.DriverManager").getDriver(config.url)
    except java("java.sql.SQLException"):
        where = "`jars`" if config.jars else f"{jars_folder() or FOLDERS[-1]} (or what `jars` names)"
        raise ConfigError(
            f"No suitable driver for {place_of(config.url)}",
            remedy=f"check the URL; see that {where} has the driver's jar, or name its class under `driver`",
        ) from None


def _offered(jar: Path) -> list[str]:
    """The drivers in a jar, by its own word: DriverManager asks but once, and that may have been before."""
    with suppress(KeyError), zipfile.ZipFile(jar) as archive:
        lines = archive.read("META-INF/services/java.sql.Driver").decode().splitlines()
        return [name for line in lines if (name := line.partition("#")[0].strip())]
    return []
