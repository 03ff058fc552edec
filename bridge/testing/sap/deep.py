"""Function modules with every type: nested structures, tables in tables, and what comes back as it was sent.

No functions of SAP: Z functions, as a customer writes them, named so that nobody takes them for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bridge.testing.sap.abap import (
    Direction,
    Field,
    Function,
    Parameter,
    Structure,
    TableType,
    Type,
    char,
    dec,
    numc,
    structure,
)
from bridge.testing.sap.modules import Call
from bridge.testing.sap.returns import BAPIRET2, message

FLAT = Structure(
    "ZBRIDGE_FLAT",
    (
        Field("CHAR10", char(10, "ZCHAR10")),
        Field("NUMC8", numc(8, "ZNUMC8")),
        Field("DATS", Type("DATS", name="ZDATS")),
        Field("TIMS", Type("TIMS", name="ZTIMS")),
        Field("CLNT", Type("CLNT", name="MANDT")),
        Field("LANG", Type("LANG", name="SPRAS", exit="ISOLA")),
        Field("UNIT", Type("UNIT", 3, name="MEINS", exit="CUNIT")),
        Field("CUKY", Type("CUKY", name="WAERS")),
        Field("CURR", Type("CURR", 13, 2, name="WRBTR"), reference=("ZBRIDGE_FLAT", "CUKY")),
        Field("QUAN", Type("QUAN", 13, 3, name="MENGE_D"), reference=("ZBRIDGE_FLAT", "UNIT")),
        Field("DEC", dec(31, 14, "ZDEC31")),
        Field("ACCP", Type("ACCP", name="SPMON")),
        Field("INT1", Type("INT1", name="ZINT1")),
        Field("INT2", Type("INT2", name="ZINT2")),
        Field("INT4", Type("INT4", name="ZINT4")),
        Field("INT8", Type("INT8", name="ZINT8")),
        Field("FLTP", Type("FLTP", name="ZFLTP")),
        Field("DF16", Type("D16N", name="ZDF16")),
        Field("DF34", Type("D34N", name="ZDF34")),
        Field("RAW16", Type("RAW", 16, name="SYSUUID_X")),
        Field("UTCL", Type("UTCL", name="ZUTCL")),
    ),
    "Every flat type",
)
PARTNER = structure("ZBRIDGE_PARTNER", "Partner of an item", ROLE=char(2, "PARVW"), NUMBER=char(10, "KUNNR"))
ITEM = structure(
    "ZBRIDGE_ITEM",
    "Item of an order",
    POSNR=numc(6, "POSNR"),
    MATNR=char(18, "MATNR"),
    MENGE=Type("QUAN", 13, 3, name="MENGE_D"),
    MEINS=Type("UNIT", 3, name="MEINS"),
    TEXT=Type("STRG", name="STRING"),
    PARTNERS=TableType("ZBRIDGE_PARTNERS", PARTNER),
)
ADDRESS = structure(
    "ZBRIDGE_ADDRESS",
    "An address with its country",
    STREET=char(60, "AD_STREET"),
    CITY=char(40, "AD_CITY1"),
    COUNTRY=structure("ZBRIDGE_COUNTRY", "A country", LAND1=char(3, "LAND1"), NAME=char(50, "LANDX50")),
)
ORDER = structure(
    "ZBRIDGE_ORDER",
    "An order: structures in it, and tables with tables",
    VBELN=char(10, "VBELN"),
    ERDAT=Type("DATS", name="ERDAT"),
    NETWR=Type("CURR", 15, 2, name="NETWR"),
    WAERK=Type("CUKY", name="WAERK"),
    SHIP_TO=ADDRESS,
    NOTE=Type("STRG", name="STRING"),
    DRAWING=Type("RSTR", name="XSTRING"),
    ITEMS=TableType("ZBRIDGE_ITEMS", ITEM),
    TAGS=TableType("STRINGTAB", Type("STRG", name="STRING")),
)
_ORDERS = TableType("ZBRIDGE_ORDERS", ORDER)

ECHO = Function(
    "Z_BRIDGE_ECHO",
    (
        Parameter("IS_FLAT", Direction.IMPORT, FLAT, True),
        Parameter("IV_STRING", Direction.IMPORT, Type("STRG", name="STRING"), True),
        Parameter("IV_XSTRING", Direction.IMPORT, Type("RSTR", name="XSTRING"), True),
        Parameter("IT_ORDERS", Direction.IMPORT, _ORDERS, True),
        Parameter("ES_FLAT", Direction.EXPORT, FLAT),
        Parameter("EV_STRING", Direction.EXPORT, Type("STRG", name="STRING")),
        Parameter("EV_XSTRING", Direction.EXPORT, Type("RSTR", name="XSTRING")),
        Parameter("ET_ORDERS", Direction.EXPORT, _ORDERS),
        Parameter("CT_FLAT", Direction.CHANGING, TableType("ZBRIDGE_FLATS", FLAT), True),
        Parameter("FLATS", Direction.TABLES, FLAT, True),
    ),
    group="ZBRIDGE",
    text="Everything comes back",
)
GET_ORDERS = Function(
    "Z_BRIDGE_GET_ORDERS",
    (
        Parameter("IV_FROM", Direction.IMPORT, char(10, "VBELN"), True, text="From this order on"),
        Parameter("IV_MAX", Direction.IMPORT, Type("INT4"), True, "100"),
        Parameter("EV_MORE", Direction.EXPORT, char(1, "BOOLE_D"), text="There are more"),
        Parameter("ET_ORDERS", Direction.EXPORT, _ORDERS),
        Parameter("RETURN", Direction.TABLES, BAPIRET2, True),
    ),
    group="ZBRIDGE",
    text="Orders with their items",
)
NOT_REMOTE = Function("Z_BRIDGE_LOCAL", group="ZBRIDGE", text="Not remote-enabled", remote=False)


def flat(number: int) -> dict[str, Any]:
    """A row with a value in every type."""
    sign = -1 if number % 2 else 1
    return {
        "CHAR10": f"Größe {number % 1000}",
        "NUMC8": f"{number:08}",
        "DATS": (date(2000, 1, 1) + timedelta(days=number % 20_000)).strftime("%Y%m%d"),
        "TIMS": f"{number % 24:02}{number % 60:02}00",
        "CLNT": "100",
        "LANG": "D",
        "UNIT": "KG",
        "CUKY": "EUR",
        "CURR": Decimal(sign * number * 101).scaleb(-2),
        "QUAN": Decimal(number * 1003).scaleb(-3),
        "DEC": Decimal(sign * number * 10**10 + 7).scaleb(-14),
        "ACCP": f"2026{number % 12 + 1:02}",
        "INT1": number % 256,
        "INT2": sign * (number % 32_768),
        "INT4": sign * number,
        "INT8": sign * number * 2**32,
        "FLTP": sign * number / 8,
        "DF16": Decimal(sign * number).scaleb(-5),
        "DF34": Decimal(sign * number * 10**20 + 1).scaleb(-12),
        "RAW16": number.to_bytes(16),
        "UTCL": f"2026-01-01T{number % 24:02}:{number % 60:02}:00.1234567",
    }


def order(number: int) -> dict[str, Any]:
    return {
        "VBELN": f"{number:010}",
        "ERDAT": f"2026{number % 12 + 1:02}{number % 28 + 1:02}",
        "NETWR": Decimal(number * 1999).scaleb(-2),
        "WAERK": "EUR",
        "SHIP_TO": {
            "STREET": f"Straße {number}",
            "CITY": "Łódź",
            "COUNTRY": {"LAND1": "PL", "NAME": "Polska"},
        },
        "NOTE": f"note {number}\n" * (number % 3),
        "DRAWING": bytes(range(number % 32)),
        "ITEMS": [_item(place, number) for place in range(1, number % 4 + 1)],
        "TAGS": [f"tag {place}" for place in range(number % 3)],
    }


def _item(place: int, number: int) -> dict[str, Any]:
    return {
        "POSNR": f"{place * 10:06}",
        "MATNR": f"M-{number % 50}",
        "MENGE": Decimal(place * 500).scaleb(-3),
        "MEINS": "ST",
        "TEXT": f"item {place} of {number}",
        "PARTNERS": [{"ROLE": "WE", "NUMBER": f"{number:010}"}] * (place % 3),
    }


class Orders:
    """What Z_BRIDGE_GET_ORDERS reads: a list that a test may change."""

    def __init__(self, count: int) -> None:
        self.rows = [order(number) for number in range(1, count + 1)]

    def get(self, call: Call) -> Mapping[str, Any]:
        found = [row for row in self.rows if row["VBELN"] >= call["IV_FROM"]]
        most = call["IV_MAX"]
        if most < 0:
            return {"RETURN": [message("E", "ZBRIDGE", 1, f"{most} is no number of orders", str(most))]}
        return {
            "EV_MORE": "X" if len(found) > most else "",
            "ET_ORDERS": found[:most],
            "RETURN": [message("S", "ZBRIDGE", 0, f"{len(found[:most])} orders")],
        }


def echo(call: Call) -> Mapping[str, Any]:
    return {
        "ES_FLAT": call["IS_FLAT"],
        "EV_STRING": call["IV_STRING"],
        "EV_XSTRING": call["IV_XSTRING"],
        "ET_ORDERS": call["IT_ORDERS"],
    }


def functions(orders: Orders) -> Iterable[tuple[Function, Callable[[Call], Mapping[str, Any]]]]:
    yield ECHO, echo
    yield GET_ORDERS, orders.get
    yield NOT_REMOTE, lambda _: {}


def flats(count: int) -> Iterator[dict[str, Any]]:
    return map(flat, range(count))
