"""The one JVM of a worker process, whatever the jars in it are for."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path
from typing import Any

import jpype

from bridge.errors import ConfigError
from connectors.heap import LEAST


def start(jars: Iterable[Path], heap: str) -> None:
    """Have a JVM with these jars. A process has one JVM: the first heap size counts."""
    known = jpype.getClassPath(env=False).split(os.pathsep)
    for jar in jars:
        if str(jar.absolute()) not in known:
            jpype.addClassPath(jar.absolute())
    if not jpype.isJVMStarted():
        _start(heap)


def _start(heap: str) -> None:
    classpath = jpype.getClassPath(env=False)
    others = gc.callbacks[:]
    try:
        jpype.startJVM(*options(heap), classpath=classpath, convertStrings=True, interrupt=False)
    except (jpype.JVMNotFoundException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"no Java: {reason}", remedy="install Java >= 11, or set JAVA_HOME") from None
    _silence()
    # JPype has Python look for garbage whenever Java did. What is loaded by now will never be any; to look at
    # all of it took a quarter of the processor time of a copy.
    gc.freeze()
    # And Java, whole, whenever Python's memory grew: in a copy by the records that wait to be sent. Java does
    # when its own heap is full; a twelfth of a copy's time was for nothing.
    gc.callbacks[:] = others
    # The thread that starts Java is one that Java waits for at exit; once out, it comes back as a daemon.
    detach()


def options(heap: str) -> Sequence[str]:
    return (
        f"-Xmx{heap}",
        f"-XX:MaxDirectMemorySize={heap}",
        "-XX:+ExitOnOutOfMemoryError",
        # Measured: twice the young space is 10 % faster and 30 MiB dearer, half of it the other way round.
        # Rows of a round trip must not grow old, nor the old lack room: else all is looked through, often.
        *("-XX:+UseSerialGC", f"-Xms{LEAST}m", "-Xmn28m"),
        *("-XX:SurvivorRatio=4", "-XX:TargetSurvivorRatio=90"),
        "-XX:ReservedCodeCacheSize=48m",
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
    """What is printed in Java goes nowhere: neither the log's form nor its masks hold for it."""
    nowhere = java("java.io.PrintStream")(java("java.io.OutputStream").nullOutputStream())
    system = java("java.lang.System")
    system.setOut(nowhere)
    system.setErr(nowhere)


def matching(pattern: str, remedy: str) -> list[Path]:
    """The jars that a pattern of the options means. Errors: ConfigError, when there are none."""
    found = [Path(path) for path in sorted(glob(pattern))]  # noqa: PTH207 -- absolute patterns, which Path.glob refuses
    if not found:
        raise ConfigError(f"jars: there is no file {pattern}", remedy=remedy)
    return found


def java(name: str) -> Any:
    """A Java class."""
    return jpype.JClass(name)


def detach() -> None:
    """Take the calling thread out of the JVM; its next call would bring it back."""
    if jpype.isJVMStarted():
        java("java.lang.Thread").detach()
