"""SAP's Java Connector 3 (JCo), through JPype; sapjco3.jar is the customer's.

Java of our own (jars/src/jco) holds the connection; parameters and answers pass as JSON, in one call each.
Errors are JCo's own: com.sap.conn.jco.JCoException and JCoRuntimeException.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.errors import ConfigError
from connectors.jars import FOLDERS, jars_folder
from connectors.sap_rfc.clients import Found, Logon
from connectors.sap_rfc.clients.client import Attributes, Function
from connectors.sap_rfc.clients.jco_json import Repair, parameters, plain, repair_of

HELPER = Path(__file__).with_name("jco.jar")
JAR = "sapjco3.jar"
"""JCo refuses to run from a file of another name."""
_CAUSES = 4
_LICENCE = "SAP's, as the customer holds it"
_MISSING = "install legacy-bridge[jdbc], which brings JPype"
_NATIVE = "put libsapjco3.so, which comes with sapjco3.jar and is of one kind of machine, beside it"
_NAMES = {"sysid": "r3name"}


class JvmError(RuntimeError):
    """A java.lang.Error: nothing in this process can be trusted any more."""


def installed() -> Found | None:
    """JCo, if its jar is in the jars folder; no JVM is started. Errors: as jars_folder."""
    jar = _jar()
    return Found("jco", "SAP JCo", _version(jar), _LICENCE) if jar else None


def prepare(heap: str) -> None:
    """Start the JVM. A process has but one: the first heap counts. Errors: ConfigError."""
    try:
        from connectors import jvm
    except ImportError as error:
        raise ConfigError(f"JCo needs {error.name}", remedy=_MISSING) from None
    jvm.start(_jars(), heap)


def connect(found: Found, logon: Logon) -> Jco:
    """Log on. Errors: JCo's; ConfigError where it cannot run; JvmError."""
    prepare(logon.heap)
    try:
        with _calling():
            return _connected(found, logon)
    except BaseException:
        _detach()  # nobody calls again from this thread
        raise


def _connected(found: Found, logon: Logon) -> Jco:
    from connectors.jvm import java

    session = java("bridge.jco.Session")(_settings(logon.parameters))
    try:
        session.open(round(logon.timeout * 1000))
    except BaseException:
        session.close()
        raise
    version = str(java("com.sap.conn.jco.JCo").getVersion())
    return Jco(replace(found, version=version.partition(" ")[0]), session)


class Jco:
    """A connection of JCo; its calls run in a thread of Java's, for JCo cannot interrupt one."""

    def __init__(self, found: Found, session: Any) -> None:
        self.name, self.version, self.licence = found.library, found.version, found.licence
        self._session, self._cut = session, False
        self._functions: dict[str, Function] = {}
        self._repairs: dict[str, Repair | None] = {}

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        repair = self._repair(function)
        with self._calling():
            told = self._session.call(function, json.dumps(parameters, default=plain))
        answer: dict[str, Any] = json.loads(bytes(told).decode())
        if repair:
            repair(answer)
        return answer

    def describe(self, function: str) -> Function:
        """Also of a function that may not be called: that shows when it is."""
        if function not in self._functions:
            with self._calling():
                told = json.loads(bytes(self._session.describe(function)))
            self._functions[function] = Function(function, dict(parameters(told)))
        return self._functions[function]

    def attributes(self) -> Attributes:
        with self._calling():
            *told, width = (str(each or "").strip() for each in self._session.attributes())
        sysid, client, user, release, host, codepage = told
        return Attributes(sysid, client, user, release, host, codepage, unicode=width != "1")

    def ping(self) -> None:
        with self._calling():
            self._session.ping()

    def cancel(self) -> None:
        self._cut = True
        self._session.cancel()
        _detach()

    def close(self) -> None:
        self._session.close()
        _detach()

    @contextmanager
    def _calling(self) -> Iterator[None]:
        try:
            with _calling():
                yield
        finally:
            if self._cut:
                _detach()

    def _repair(self, function: str) -> Repair | None:
        if function not in self._repairs:
            parameters = self.describe(function).parameters.values()
            self._repairs[function] = repair_of(tuple(each.field for each in parameters))
        return self._repairs[function]


def _jar() -> Path | None:
    folder = jars_folder()
    found = folder / JAR if folder else None
    return found if found and found.is_file() else None


def _jars() -> tuple[Path, Path]:
    jar = _jar()
    if jar is None:
        folder = jars_folder() or FOLDERS[-1]
        raise ConfigError(f"{JAR} is not in {folder}", remedy="put it there, with its native library")
    if not HELPER.exists():
        raise ConfigError(
            "the compiled Java helper is missing", remedy="run `make setup`, or install the wheel"
        )
    return HELPER, jar


def _version(jar: Path) -> str:
    """By its manifest, as far as it says."""
    with suppress(KeyError, OSError, zipfile.BadZipFile), zipfile.ZipFile(jar) as archive:
        lines = archive.read("META-INF/MANIFEST.MF").decode(errors="replace").splitlines()
        told = [line.partition(":")[2] for line in lines if line.startswith("Implementation-Version:")]
        if words := " ".join(told).split():
            return words[0]
    return "3"


def _settings(parameters: Mapping[str, str]) -> Any:
    """JCo's properties of a destination: the names of sapnwrfc.ini after jco.client."""
    from connectors.jvm import java

    made = java("java.util.HashMap")()
    # JCo asks what a function's interface is on another connection, and keeps it.
    made.put("jco.destination.pool_capacity", "1")
    for name, value in parameters.items():
        made.put(f"jco.client.{_NAMES.get(name, name)}", value)
    return made


@contextmanager
def _calling() -> Iterator[None]:
    """Errors of JCo pass; what says that it cannot run at all is ConfigError, or JvmError."""
    import jpype

    from connectors.jvm import java

    try:
        yield
    except jpype.JException as error:
        if isinstance(error, java("java.lang.LinkageError")):
            raise ConfigError(f"JCo cannot run: {_described(error)}", remedy=_NATIVE) from None
        if isinstance(error, java("java.lang.Error")):
            raise JvmError(_described(error)) from None
        raise


def _described(error: Any) -> str:
    """With what caused it: an initializer's error says nothing by itself."""
    texts: list[str] = []
    while error is not None and len(texts) < _CAUSES:
        texts.append(f"{error.getClass().getSimpleName()}: {error.getMessage()}")
        error = error.getCause()
    return " <- ".join(texts)


def _detach() -> None:
    from connectors import jvm

    jvm.detach()
