"""Tables in which a system describes itself: DD17S, TFDIR, TDDAT, T000, TCURX, CVERS, TTZCU

Their columns, in part: sapdatasheet.org. TCURX holds currencies whose decimals are not two: SAP Help, "Check
Currency Decimal Places".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.testing.sap.abap import (
    Direction,
    Field,
    Function,
    Parameter,
    Structure,
    Table,
    Type,
    char,
    numc,
    structure,
)
from bridge.testing.sap.modules import Call

if TYPE_CHECKING:
    from bridge.testing.sap.system import System

Rows = Iterator[Mapping[str, Any]]
_ACTIVE = {"AS4LOCAL": "A", "AS4VERS": "0000"}
_CURRENCIES = {"JPY": 0, "KRW": 0, "HUF": 0, "KWD": 3, "BHD": 3, "TND": 3, "USDN": 5, "ITL": 0}
_VERSION = {"AS4LOCAL": char(1, "AS4LOCAL"), "AS4VERS": numc(4, "AS4VERS")}


def _table(name: str, text: str, keys: int, /, **types: Type) -> Table:
    """The first `keys` columns are the key."""
    fields = (Field(each, type_, key=place < keys) for place, (each, type_) in enumerate(types.items()))
    return Table(Structure(name, tuple(fields), text), cross_client=True)


DD17S = _table(
    "DD17S",
    "Fields of secondary indexes",
    5,
    SQLTAB=char(30),
    INDEXNAME=char(3),
    **_VERSION,
    POSITION=numc(4),
    FIELDNAME=char(30),
)
TFDIR = _table(
    "TFDIR", "Function modules", 1, FUNCNAME=char(30), PNAME=char(40), INCLUDE=char(2), FMODE=char(1)
)
TDDAT = _table("TDDAT", "Maintenance areas for tables", 1, TABNAME=char(30), CCLASS=char(4))
TCURX = _table("TCURX", "Decimal places in currencies", 1, CURRKEY=Type("CUKY"), CURRDEC=Type("INT1"))
T000 = _table(
    "T000",
    "Clients",
    1,
    MANDT=Type("CLNT"),
    MTEXT=char(25),
    ORT01=char(25),
    MWAER=Type("CUKY"),
    CCCATEGORY=char(1),
    LOGSYS=char(10),
)
CVERS = _table(
    "CVERS", "Components", 1, COMPONENT=char(30), RELEASE=char(10), EXTRELEASE=char(10), COMP_TYPE=char(1)
)
TTZCU = _table(
    "TTZCU",
    "Time zones of the system",
    1,
    CLIENT=Type("CLNT"),
    FLAGACTIVE=char(1),
    TZONESYS=char(6),
    TZONEDEF=char(6),
)
EMTABNR = structure("EMTABNR", "Table and its rows", TABNAME=char(30), TABROWS=Type("INT4"))
EM_GET_NUMBER_OF_ENTRIES = Function(
    "EM_GET_NUMBER_OF_ENTRIES",
    (Parameter("IT_TABLES", Direction.TABLES, EMTABNR),),
    group="EM_TABS",
    text="Number of entries of tables",
)


def _dd17s(system: System) -> Rows:
    for table in system.tables:
        for name, columns in table.indexes.items():
            for position, column in enumerate(columns, 1):
                place = {"SQLTAB": table.name, "INDEXNAME": name, "POSITION": position, "FIELDNAME": column}
                yield place | _ACTIVE


def _tfdir(system: System) -> Rows:
    for function in system.functions:
        program = f"SAPL{function.group}"
        yield {
            "FUNCNAME": function.name,
            "PNAME": program,
            "INCLUDE": "01",
            "FMODE": "R" if function.remote else "",
        }


def _tddat(system: System) -> Rows:
    return ({"TABNAME": table.name, "CCLASS": table.group} for table in system.tables)


def _t000(system: System) -> Rows:
    for client in sorted({"000", system.client}):
        yield {"MANDT": client, "MTEXT": "Simulator", "MWAER": "EUR", "LOGSYS": f"{system.sysid}CLNT{client}"}


def _cvers(system: System) -> Rows:
    yield {"COMPONENT": "SAP_BASIS", "RELEASE": system.release, "EXTRELEASE": "0021", "COMP_TYPE": "S"}


def _ttzcu(system: System) -> Rows:
    zone = (system.clock.now().replace(month=1).tzname() or "UTC")[:6]  # its name is the same in summer
    yield {"CLIENT": system.client, "FLAGACTIVE": "X", "TZONESYS": zone, "TZONEDEF": zone}


def em_get_number_of_entries(call: Call) -> Mapping[str, Any]:
    """COUNT(*) in the caller's client; -1 for a table that is not there."""
    counted = []
    for row in call.table("IT_TABLES"):
        name = row["TABNAME"].strip()
        known = call.system.table(name) is not None
        rows = len(call.system.select(name, client=call.session.client)[1]) if known else -1
        counted.append({"TABNAME": name, "TABROWS": rows})
    return {"IT_TABLES": counted}


def install(system: System) -> None:
    for table, rows in (
        (DD17S, _dd17s),
        (TFDIR, _tfdir),
        (TDDAT, _tddat),
        (T000, _t000),
        (CVERS, _cvers),
        (TTZCU, _ttzcu),
    ):
        system.define(table, rows)
    system.define(TCURX)
    system.load("TCURX", ({"CURRKEY": key, "CURRDEC": places} for key, places in _CURRENCIES.items()))
    system.install(EM_GET_NUMBER_OF_ENTRIES, em_get_number_of_entries)
