"""Tables to read: one with every type, and wide ones for measures."""

from __future__ import annotations

from bridge.testing.sap.abap import Field, Structure, Table, Type, char
from bridge.testing.sap.deep import FLAT, flats
from bridge.testing.sap.system import System

_CLIENT = Field("MANDT", Type("CLNT", name="MANDT", domain="MANDT"), key=True, text="Client")
_WIDE_COLUMN = 49


def every_type(name: str = "ZBRIDGE_TYPES") -> Table:
    """A key and a column of every type but strings."""
    key = Field("ID", Type("NUMC", 8), key=True)
    return Table(Structure(name, (_CLIENT, key, *FLAT.fields), "Every type"))


def with_strings(name: str = "ZBRIDGE_STRINGS") -> Table:
    texts = (Field("TEXT", Type("STRG")), Field("DATA", Type("RSTR")))
    return Table(
        Structure(name, (_CLIENT, Field("ID", Type("NUMC", 8), key=True), Field("NAME", char(30)), *texts))
    )


def wide(name: str = "ZBRIDGE_WIDE", width: int = 512) -> Table:
    """A key, date and time of change, and columns that fill `width` characters beside the client."""
    rest = width - 10 - 14
    widths = [_WIDE_COLUMN] * (rest // _WIDE_COLUMN) + [rest % _WIDE_COLUMN] * (rest % _WIDE_COLUMN > 0)
    columns = (Field(f"F{place:02}", char(each)) for place, each in enumerate(widths))
    fixed = (Field("K", char(10), key=True), Field("AEDAT", Type("DATS")), Field("AEZET", Type("TIMS")))
    return Table(Structure(name, (_CLIENT, *fixed, *columns), "Wide rows"))


def load_types(system: System, count: int, name: str = "ZBRIDGE_TYPES") -> None:
    if system.table(name) is None:
        system.define(every_type(name))
    system.load(name, ({"ID": f"{number:08}"} | row for number, row in enumerate(flats(count))))


def load_wide(system: System, count: int, name: str = "ZBRIDGE_WIDE", width: int = 512) -> None:
    """All rows of one day, their text full to the last character."""
    table = system.define(wide(name, width))
    filled = {each.name: "x" * each.type.leng for each in table.row.fields if each.name.startswith("F")}  # type: ignore[union-attr]
    moment = {"AEDAT": "20260101", "AEZET": "120000"}
    system.load(name, ({"K": f"{number:010}"} | moment | filled for number in range(count)))
