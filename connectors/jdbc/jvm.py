"""The one JVM of a worker process, and the drivers in it."""

from __future__ import annotations

import gc
import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import Any

import jpype

from bridge.errors import ConfigError
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialect import Dialect

HELPER = Path(__file__).with_name("reader.jar")
_FOLDERS = (Path(__file__).parents[2] / "jars" / "lib", Path("/usr/share/legacy-bridge/jars"))


def start(config: JdbcConfig, dialect: Dialect) -> None:
    """Have a JVM with the helper and the driver. A process has one JVM: the first heap size counts."""
    if not HELPER.exists():
        raise ConfigError(
            "the compiled Java helper is missing", remedy="run `make setup`, or install the wheel"
        )
    known = jpype.getClassPath(env=False).split(os.pathsep)
    for jar in (HELPER, *driver_jars(config, dialect)):
        if str(jar.absolute()) not in known:
            jpype.addClassPath(jar.absolute())
    if not jpype.isJVMStarted():
        _start(config.heap)


def _start(heap: str) -> None:
    classpath = jpype.getClassPath(env=False)
    try:
        jpype.startJVM(*_options(heap), classpath=classpath, convertStrings=True, interrupt=False)
    except (jpype.JVMNotFoundException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"no Java: {reason}", remedy="install Java >= 11, or set JAVA_HOME") from None
    _silence()
    # JPype has Python look for garbage whenever Java did. What is loaded by now will never be any; to look at
    # all of it took a quarter of the processor time of a copy.
    gc.freeze()
    # The thread that starts Java is one that Java waits for at exit; once out, it comes back as a daemon.
    detach()


def _options(heap: str) -> Sequence[str]:
    return (
        f"-Xmx{heap}",
        f"-XX:MaxDirectMemorySize={heap}",
        "-XX:+ExitOnOutOfMemoryError",
        # Measured: twice the young space is 10 % faster and 30 MiB dearer, half of it the other way round.
        *("-XX:+UseSerialGC", "-Xms32m", "-Xmn24m", "-XX:SurvivorRatio=4", "-XX:ReservedCodeCacheSize=48m"),
        "-Xshare:auto",
        # Statistics for jps and jstat: a file in /tmp, and a thread that wakes 20 times a second.
        "-XX:-UsePerfData",
        # The worker's own handlers of SIGTERM, SIGINT and SIGHUP stay.
        "-Xrs",
        "-Duser.timezone=UTC",
        "-Djava.awt.headless=true",
        # Else java.util.logging writes to standard error, and Derby a file into its working folder.
        f"-Djava.util.logging.config.file={os.devnull}",
        f"-Dderby.stream.error.file={os.devnull}",
    )


def _silence() -> None:
    """What drivers print goes nowhere: neither the log's form nor its masks hold for it."""
    nowhere = java("java.io.PrintStream")(java("java.io.OutputStream").nullOutputStream())
    system = java("java.lang.System")
    system.setOut(nowhere)
    system.setErr(nowhere)


def driver_jars(config: JdbcConfig, dialect: Dialect) -> list[Path]:
    """The configured jars, or what the jars folder has for this database."""
    if config.jars:
        return [jar for pattern in config.jars for jar in _matches(pattern)]
    folder = jars_folder()
    found = sorted(folder.glob(f"{dialect.artifact or ''}*.jar")) if folder else []
    if not found and config.driver is None and dialect.artifact:
        jar = (
            f"the jar of {dialect.coordinates}" if dialect.coordinates else f"the vendor's {dialect.jar}*.jar"
        )
        maven = f"; in a checkout, add {dialect.coordinates} to jars/pom.xml" if dialect.coordinates else ""
        raise ConfigError(
            f"there is no driver for {dialect.url}",
            remedy=f"put {jar} into {folder or _FOLDERS[-1]}, or set `jars`{maven}",
        )
    return found


def jars_folder() -> Path | None:
    """$LEGACY_BRIDGE_JARS, else jars/lib of the checkout, else /usr/share/legacy-bridge/jars."""
    named = os.environ.get("LEGACY_BRIDGE_JARS")
    candidates = (Path(named),) if named else _FOLDERS
    return next((folder for folder in candidates if folder.is_dir()), None)


def _matches(pattern: str) -> list[Path]:
    found = [Path(path) for path in sorted(glob(pattern))]  # noqa: PTH207 -- absolute patterns, which Path.glob refuses
    if not found:
        raise ConfigError(f"jars: there is no file {pattern}", remedy="name the driver's jar")
    return found


def driver(config: JdbcConfig, dialect: Dialect) -> Any:
    """The driver of this URL: the named class, the database's usual one, or what registered itself."""
    name = config.driver or dialect.driver
    if name is None:
        found = (java(name)() for jar in driver_jars(config, dialect) for name in _offered(jar))
        suitable = (each for each in found if each.acceptsURL(config.url))
        return next(suitable, None) or java("java.sql.DriverManager").getDriver(config.url)
    try:
        made = java(name)()
    except TypeError:
        made = None
    if not isinstance(made, java("java.sql.Driver")):
        jars = ", ".join(jar.name for jar in driver_jars(config, dialect)) or "the jars folder"
        raise ConfigError(f"no driver of class {name} in {jars}", remedy="check `driver` and `jars`")
    return made


def _offered(jar: Path) -> list[str]:
    """The drivers in a jar, by its own word: DriverManager asks but once, and that may have been before."""
    with suppress(KeyError), zipfile.ZipFile(jar) as archive:
        lines = archive.read("META-INF/services/java.sql.Driver").decode().splitlines()
        return [name for line in lines if (name := line.partition("#")[0].strip())]
    return []


def java(name: str) -> Any:
    """A Java class."""
    return jpype.JClass(name)


def detach() -> None:
    """Take the calling thread out of the JVM; its next call would bring it back."""
    if jpype.isJVMStarted():
        java("java.lang.Thread").detach()
