"""SAP's Java Connector 3 (JCo), through JPype; sapjco3.jar is the customer's.

Java of our own (jars/src/jco) holds the connection; parameters and answers pass as JSON, in one call each.
Errors are JCo's own: com.sap.conn.jco.JCoException and JCoRuntimeException.
"""

from __future__ import annotations

import json
import zipfile
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.errors import ConfigError
from connectors.jars import FOLDERS, jars_folder
from connectors.sap_rfc.clients import Found, Logon
from connectors.sap_rfc.clients.client import Attributes, Direction, Field, Function, Kind, Parameter

HELPER = Path(__file__).with_name("jco.jar")
JAR = "sapjco3.jar"
"""JCo refuses to run from a file of another name."""
_HEAP = "512m"
_CAUSES = 4
_LICENCE = "SAP's, as the customer holds it"
_MISSING = "install legacy-bridge[jdbc], which brings JPype"
_NATIVE = "put libsapjco3.so, which comes with sapjco3.jar and is of one kind of machine, beside it"
# com.sap.conn.jco.JCoMetaData; what is not here is text in a form of its own.
_KINDS: Mapping[int, Kind] = {
    0: Kind.CHAR,
    1: Kind.DATE,
    2: Kind.BCD,
    3: Kind.TIME,
    4: Kind.BYTE,
    6: Kind.NUM,
    7: Kind.FLOAT,
    8: Kind.INT,
    9: Kind.INT2,
    10: Kind.INT1,
    17: Kind.STRUCTURE,
    23: Kind.DECF16,
    24: Kind.DECF34,
    29: Kind.STRING,
    30: Kind.XSTRING,
    40: Kind.INT8,
    51: Kind.UTCLONG,
    99: Kind.TABLE,
}
_OTHER_TEXT = range(52, 60)  # UTCSECOND to CDAY
_NAMES = {"sysid": "r3name"}
_SIZED = frozenset({Kind.CHAR, Kind.NUM, Kind.BYTE})
_DIGITS = {Kind.DECF16: 16, Kind.DECF34: 34, Kind.DATE: 8, Kind.TIME: 6}


class JvmError(RuntimeError):
    """A java.lang.Error: nothing in this process can be trusted any more."""


def installed() -> Found | None:
    """JCo, if its jar is in the jars folder; no JVM is started. Errors: as jars_folder."""
    jar = _jar()
    return Found("jco", "SAP JCo", _version(jar), _LICENCE) if jar else None


def prepare() -> None:
    """Start the JVM. Errors: ConfigError."""
    try:
        from connectors import jvm
    except ImportError as error:
        raise ConfigError(f"JCo needs {error.name}", remedy=_MISSING) from None
    jvm.start(_jars(), _HEAP)


def connect(found: Found, logon: Logon) -> Jco:
    """Log on. Errors: JCo's; ConfigError where it cannot run; JvmError."""
    prepare()
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
        self._repairs: dict[str, _Repair | None] = {}

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        repair = self._repair(function)
        with self._calling():
            told = self._session.call(function, json.dumps(parameters, default=_plain))
        answer: dict[str, Any] = json.loads(bytes(told).decode())
        if repair:
            repair(answer)
        return answer

    def describe(self, function: str) -> Function:
        """Also of a function that may not be called: that shows when it is."""
        if function not in self._functions:
            with self._calling():
                told = json.loads(bytes(self._session.describe(function)))
            self._functions[function] = Function(function, dict(_parameters(told)))
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

    def _repair(self, function: str) -> _Repair | None:
        if function not in self._repairs:
            parameters = self.describe(function).parameters.values()
            self._repairs[function] = _repair_of(tuple(each.field for each in parameters))
        return self._repairs[function]


# -- values


type _Repair = Callable[[dict[str, Any]], None]
"""Puts what JSON has no form for in the place of its text."""


def _repair_of(fields: tuple[Field, ...]) -> _Repair | None:
    """None where there is nothing to do: it is the rows that cost."""
    made = [(field.name, convert) for field in fields if (convert := _value_of(field))]

    def repair(record: dict[str, Any]) -> None:
        for name, convert in made:
            if name in record:  # what is only sent does not come back
                record[name] = convert(record[name])

    return repair if made else None


def _value_of(field: Field) -> Callable[[Any], Any] | None:
    match field.kind:
        case Kind.BCD | Kind.DECF16 | Kind.DECF34:
            return _decimal
        case Kind.BYTE | Kind.XSTRING:
            return a2b_base64
        case Kind.STRUCTURE | Kind.TABLE:
            inner = _repair_of(field.fields)
            if inner is None:
                return None
            return _in_rows(inner) if field.kind is Kind.TABLE else _in_record(inner)
    return None


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _in_record(repair: _Repair) -> Callable[[Any], Any]:
    def convert(record: dict[str, Any]) -> dict[str, Any]:
        repair(record)
        return record

    return convert


def _in_rows(repair: _Repair) -> Callable[[Any], Any]:
    def convert(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            repair(row)
        return rows

    return convert


def _plain(value: Any) -> Any:
    """What JSON has no form for, on its way out. Errors: TypeError."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return b2a_base64(value, newline=False).decode()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no value of ABAP")


# -- interfaces


def _parameters(told: Mapping[str, Any]) -> Iterator[tuple[str, Parameter]]:
    for direction in Direction:
        for each in told[direction]:
            for field in _fields([each]):
                yield field.name, Parameter(field, direction, optional=bool(each["optional"]))


def _fields(told: list[dict[str, Any]]) -> tuple[Field, ...]:
    """Without references to objects and boxed components: they have no value of their own."""
    return tuple(
        Field(each["name"], kind, _length(kind, each["length"]), each["decimals"], _fields(each["fields"]))
        for each in told
        if (kind := _kind(each["type"]))
    )


def _kind(number: int) -> Kind | None:
    return Kind.STRING if number in _OTHER_TEXT else _KINDS.get(number)


def _length(kind: Kind, told: int) -> int:
    if kind is Kind.BCD:
        return 2 * told - 1
    return told if kind in _SIZED else _DIGITS.get(kind, 0)


# -- Java


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
