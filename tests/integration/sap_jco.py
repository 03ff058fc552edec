"""The simulated JCo (jco/*.java): compiled here, with the simulated system behind it."""

from __future__ import annotations

import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import jpype

from bridge.testing.sap import metadata
from bridge.testing.sap.abap import AnyType, Direction, Function, Kind, Structure, TableType, Type
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.logon import Credentials, User, refusal
from bridge.testing.sap.modules import Session
from bridge.testing.sap.switches import Hang, Stage, Switches
from bridge.testing.sap.system import System
from connectors.jvm import java

SOURCES = Path(__file__).with_name("jco")
DECLARED = Path(__file__).parents[2] / "jars" / "src" / "jco" / "declared"
NUMBERS = {
    Kind.CHAR: 0,
    Kind.DATE: 1,
    Kind.BCD: 2,
    Kind.TIME: 3,
    Kind.BYTE: 4,
    Kind.NUM: 6,
    Kind.FLOAT: 7,
    Kind.INT: 8,
    Kind.INT2: 9,
    Kind.INT1: 10,
    Kind.STRUCTURE: 17,
    Kind.DECF16: 23,
    Kind.DECF34: 24,
    Kind.STRING: 29,
    Kind.XSTRING: 30,
    Kind.INT8: 40,
    Kind.UTCLONG: 51,
    Kind.TABLE: 99,
}


def jco_jar(folder: Path) -> Path:
    """sapjco3.jar, as much of it as we use, made in this folder."""
    path = f"{SOURCES}:{DECLARED}"
    command = ["javac", "--release", "11", "-encoding", "UTF-8", "-sourcepath", path, "-d", str(folder)]
    subprocess.run([*command, *map(str, SOURCES.rglob("*.java"))], check=True)
    jar = folder / "sapjco3.jar"
    with zipfile.ZipFile(jar, "w") as out:
        out.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Version: 3.1.0 (x)\r\n")
        for file in folder.rglob("*.class"):
            out.write(file, file.relative_to(folder))
    return jar


@dataclass
class Backend:
    """What JCo's calls come to; `switches` as for SapPeer, of calls only."""

    system: System = field(default_factory=System)
    password: str = "correct-horse"
    switches: Switches = field(default_factory=Switches)
    logons: list[str] = field(default_factory=list)
    silent: bool = False
    """Nobody answers who wants to log on."""
    broken: str = ""
    """A java.lang.Error that the native library ends a log-on with."""
    released: threading.Event = field(default_factory=threading.Event)
    """Ends all that hangs."""
    users: dict[str, User] = field(default_factory=dict)
    open: dict[int, Session] = field(default_factory=dict)
    seen: dict[int, list[str]] = field(default_factory=dict)
    """What was called on which connection."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        metadata.install(self.system)
        self.users["BRIDGE"] = User(self.password)

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "ashost": "erp1",
            "sysnr": "00",
            "client": self.system.client,
            "user": "BRIDGE",
            "passwd": self.password,
            "lang": "EN",
        }

    # -- simulated.Backend

    def logon(self, properties: Any) -> int:
        told = {str(name): str(value) for name, value in dict(properties).items()}
        self.logons.append(told["jco.client.user"])
        if self.broken:
            raise java(self.broken)("no sapjco3 in java.library.path")
        if self.silent:
            self.released.wait()
        given = Credentials(
            told["jco.client.client"],
            told["jco.client.user"].upper(),
            told["jco.client.passwd"],
            told["jco.client.lang"],
        )
        if why := refusal(given, self.users, self.system.client):
            raise java("com.sap.conn.jco.JCoException")(103, "RFC_ERROR_LOGON_FAILURE", why)
        number = next(self._numbers)
        self.open[number] = Session(given.user, given.client, given.language[:1])
        self.seen[number] = []
        return number

    def logoff(self, connection: int) -> None:
        self.open.pop(connection, None)

    def ping(self, connection: int) -> None:
        self._connected(connection)

    def attributes(self, connection: int) -> Any:
        session = self._connected(connection)
        system = self.system
        told = [system.sysid, session.client, session.user, system.release, system.host, "4103", "2"]
        return jpype.JArray(jpype.JString)(told)

    def describe(self, connection: int, name: str) -> Any:
        self._connected(connection)
        function = self.system.function(str(name))
        return java_of(described(function)) if function and function.remote else None

    def call(self, connection: int, name: str, parameters: Any) -> Any:
        session = self._connected(connection)
        self.seen[connection].append(str(name))
        if isinstance(fault := self.switches.due(str(name), Stage.BEFORE), Hang):
            self.released.wait(fault.seconds)
        function = self.system.function(str(name))
        sent = {key: _back(value, function, key) for key, value in python_of(parameters).items()}
        try:
            answer = self.system.invoke(str(name), sent, session)
        except AbapException as error:
            raise java("com.sap.conn.jco.AbapException")(error.key, error.text) from None
        except ShortDump as error:
            key = "RFC_ERROR_SYSTEM_FAILURE"
            raise java("com.sap.conn.jco.JCoException")(104, key, error.text) from None
        types = {each.name: each for each in function.parameters} if function else {}
        return java_of({key: _forth(value, types[key].type) for key, value in answer.items()})

    def _connected(self, connection: int) -> Session:
        session = self.open.get(connection)
        if session is None:
            gone = "connection closed (no data)"
            raise java("com.sap.conn.jco.JCoException")(102, "RFC_ERROR_COMMUNICATION", gone)
        return session

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The simulated JCo asks this one; in the end nothing hangs any more."""
        java("simulated.Destination").backend = jpype.JProxy("simulated.Backend", inst=self)
        try:
            yield
        finally:
            self.released.set()


def described(function: Function) -> dict[str, Any]:
    """As simulated.Fields takes it."""
    lists: dict[str, list[Any]] = {each.name.lower(): [] for each in Direction}
    for each in function.parameters:
        lists[each.direction.name.lower()].append(_field(each.name, _held(each), optional=each.optional))
    return lists


def _held(parameter: Any) -> AnyType:
    """A parameter of TABLES is declared by its row."""
    of_rows = parameter.direction is Direction.TABLES and not isinstance(parameter.type, TableType)
    return TableType("", parameter.type) if of_rows else parameter.type


def _field(name: str, type_: AnyType, *, optional: bool = False) -> list[Any]:
    number, decimals = NUMBERS[type_.kind], 0
    length = size = 0
    if isinstance(type_, Type):
        length, size, decimals = type_.leng, type_.intlen, type_.decimals
    return [name, number, length, size, decimals, int(optional), _inner(type_)]


def _inner(type_: AnyType) -> list[Any] | None:
    if isinstance(type_, TableType):
        return [_field("", type_.row)] if isinstance(type_.row, Type) else _inner(type_.row)
    return [_field(each.name, each.type) for each in type_.fields] if isinstance(type_, Structure) else None


def _forth(value: Any, type_: AnyType) -> Any:
    """Rows of an elementary type are records with one field without a name."""
    if isinstance(value, list):
        row = type_.row if isinstance(type_, TableType) else type_
        return [{"": each} if isinstance(row, Type) else _forth(each, row) for each in value]
    if isinstance(value, Mapping) and isinstance(type_, Structure):
        return {name: _forth(each, type_.by_name[name].type) for name, each in value.items()}
    return value


def _back(value: Any, function: Function | None, name: str) -> Any:
    return _unwrapped(value, function.by_name[name].type) if function else value


def _unwrapped(value: Any, type_: AnyType) -> Any:
    if isinstance(value, list):
        row = type_.row if isinstance(type_, TableType) else type_
        return [each[""] if isinstance(row, Type) else _unwrapped(each, row) for each in value]
    if isinstance(value, dict) and isinstance(type_, Structure):
        return {name: _unwrapped(each, type_.by_name[name].type) for name, each in value.items()}
    return value


def java_of(value: Any) -> Any:
    if isinstance(value, list):
        rows = java("java.util.ArrayList")()
        for each in value:
            rows.add(java_of(each))
        return rows
    if isinstance(value, Mapping):
        made = java("java.util.HashMap")()
        for name, each in value.items():
            made.put(name, java_of(each))
        return made
    if isinstance(value, bytes):
        return jpype.JArray(jpype.JByte)(value)
    if value is None:
        return None
    name = next(name for kind, name in _JAVA.items() if isinstance(value, kind))
    return java(name)(str(value))


_JAVA: Mapping[type, str] = {
    str: "java.lang.String",
    int: "java.lang.Long",
    float: "java.lang.Double",
    Decimal: "java.math.BigDecimal",
}


def python_of(value: Any) -> Any:
    """Text, bytes and floating point numbers are Python's already, or convert at once."""
    for name, convert in _PYTHON.items():
        if isinstance(value, java(name)):
            return convert(value)
    if isinstance(value, jpype.JArray):
        return bytes(value)
    return value if isinstance(value, float) else str(value)


_PYTHON: Mapping[str, Callable[[Any], Any]] = {
    "java.util.Map": lambda value: {
        str(each.getKey()): python_of(each.getValue()) for each in value.entrySet()
    },
    "java.util.List": lambda value: [python_of(each) for each in value],
    "java.math.BigDecimal": lambda value: Decimal(str(value.toString())),
    "java.lang.Double": lambda value: float(value.doubleValue()),
    "java.lang.Number": lambda value: int(value.longValue()),
}
