"""RETURN, as BAPIs fill it: structures BAPIRETURN1 (by value or as a table) and BAPIRET2.

SAP Help, "Return Parameters (Error Handling)": TYPE is blank or S when all went well, E and A when not.
"""

from __future__ import annotations

from typing import Any

from bridge.testing.sap.abap import char, numc, structure

_COMMON = {
    "MESSAGE": char(220, "BAPI_MSG"),
    "LOG_NO": char(20, "BALOGNR"),
    "LOG_MSG_NO": numc(6, "BALMNR"),
    "MESSAGE_V1": char(50, "SYMSGV"),
    "MESSAGE_V2": char(50, "SYMSGV"),
    "MESSAGE_V3": char(50, "SYMSGV"),
    "MESSAGE_V4": char(50, "SYMSGV"),
}
_HEAD = {"TYPE": char(1, "BAPI_MTYPE"), "ID": char(20, "SYMSGID"), "NUMBER": numc(3, "SYMSGNO")}

BAPIRETURN1 = structure("BAPIRETURN1", "Return parameter", **_HEAD, **_COMMON)
BAPIRET2 = structure(
    "BAPIRET2",
    "Return parameter",
    **_HEAD,
    **_COMMON,
    PARAMETER=char(32, "BAPI_PARAM"),
    ROW=numc(10, "BAPI_LINE"),
    FIELD=char(30, "BAPI_FLD"),
    SYSTEM=char(10, "BAPILOGSYS"),
)


def message(kind: str, id_: str, number: int, text: str, *values: str) -> dict[str, Any]:
    """What RETURN says; `kind` is S, E, W, I or A."""
    variables = {f"MESSAGE_V{place}": value for place, value in enumerate(values, 1)}
    blank = {"LOG_NO": "", "LOG_MSG_NO": "000000"} | {f"MESSAGE_V{place}": "" for place in range(1, 5)}
    return {"TYPE": kind, "ID": id_, "NUMBER": f"{number:03}", "MESSAGE": text} | blank | variables
