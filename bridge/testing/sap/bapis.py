"""BAPIs of the customer: BAPI_CUSTOMER_GETLIST and BAPI_CUSTOMER_GETDETAIL2.

Interface, messages and what MAXROWS means: stechno.net, BAPI_CUSTOMER_GETLIST and the structures it names; of
the detail's structures a part of the components.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.testing.sap import ranges
from bridge.testing.sap.abap import Direction, Function, Parameter, Structure, Type, char, structure
from bridge.testing.sap.modules import Call
from bridge.testing.sap.returns import BAPIRETURN1, message

ADDRESSDATA = structure(
    "BAPICUSTOMER_ADDRESSDATA",
    "Customer address data",
    CUSTOMER=char(10, "KUNNR"),
    SORT1=char(20, "AD_SORT1"),
    NAME=char(40, "AD_NAME1"),
    COUNTRY=char(3, "LAND1"),
    COUNTRYISO=char(2, "INTCA"),
    CITY=char(40, "AD_CITY1"),
    POSTL_COD1=char(10, "AD_PSTCD1"),
    REGION=char(3, "REGIO"),
    STREET=char(60, "AD_STREET"),
    TEL1_NUMBR=char(30, "AD_TLNMBR1"),
    FAX_NUMBER=char(30, "AD_FXNMBR1"),
    ADDRESS=char(10, "ADRNR"),
)
IDRANGE = structure(
    "BAPICUSTOMER_IDRANGE",
    "Range table of customer numbers",
    SIGN=char(1, "BAPISIGN"),
    OPTION=char(2, "BAPIOPTION"),
    LOW=char(10, "KUNNR"),
    HIGH=char(10, "KUNNR"),
)
SPECIALDATA = structure("BAPICUSTOMER_SPECIALDATA", CUSTOMER=char(10, "KUNNR"), CPD=char(1, "XCPDK"))
ADDRESS = structure(
    "BAPICUSTOMER_04",
    "Customer address",
    CUSTOMER=char(10, "KUNNR"),
    NAME=char(35, "NAME1_GP"),
    NAME_2=char(35, "NAME2_GP"),
    CITY=char(35, "ORT01_GP"),
    POSTL_CODE=char(10, "PSTLZ"),
    REGION=char(3, "REGIO"),
    STREET=char(35, "STRAS_GP"),
    TELEPHONE=char(16, "TELF1"),
    FAX_NUMBER=char(31, "TELFX"),
    COUNTRY=char(3, "LAND1_GP"),
    COUNTRYISO=char(2, "INTCA"),
    LANGU=Type("LANG", name="SPRAS"),
)
GENERAL = structure(
    "BAPICUSTOMER_KNA1",
    "Customer general data",
    CUSTOMER=char(10, "KUNNR"),
    CRE_DATE=Type("DATS", name="ERDAT_RF"),
    CRE_NAME=char(12, "ERNAM_RF"),
    ACCNT_GRP=char(4, "KTOKD"),
    DEL_FLAG=char(1, "LOEVM_X"),
    ANN_SALES=Type("CURR", 15, 2, name="UMSA1"),
    CURRENCY=Type("CUKY", name="UWAER"),
)
COMPANY = structure(
    "BAPICUSTOMER_05",
    "Customer company code data",
    COMP_CODE=char(4, "BUKRS"),
    CUSTOMER=char(10, "KUNNR"),
    DEL_FLAG=char(1, "LOEVM_B"),
    POST_BLOCK=char(1, "SPERB_B"),
    GL_ACCOUNT=char(10, "AKONT"),
    PMNTTRMS=char(4, "DZTERM"),
)
BANK = structure(
    "BAPICUSTOMER_02",
    "Bank details",
    CUSTOMER=char(10, "KUNNR"),
    BANK_CTRY=char(3, "BANKS"),
    BANK_KEY=char(15, "BANKK"),
    BANK_ACCT=char(18, "BANKN"),
)

GETLIST = Function(
    "BAPI_CUSTOMER_GETLIST",
    (
        Parameter("CPDONLY", Direction.IMPORT, char(1, "CPD_ONLY"), True, text="One-time customers only"),
        Parameter("MAXROWS", Direction.IMPORT, Type("INT4", name="BAPIMAXROW"), True, "0"),
        Parameter("RETURN", Direction.EXPORT, BAPIRETURN1),
        Parameter("ADDRESSDATA", Direction.TABLES, ADDRESSDATA, True),
        Parameter("IDRANGE", Direction.TABLES, IDRANGE),
        Parameter("SPECIALDATA", Direction.TABLES, SPECIALDATA, True),
    ),
    group="2048",
    text="Reads customers and addresses",
)
GETDETAIL2 = Function(
    "BAPI_CUSTOMER_GETDETAIL2",
    (
        Parameter("CUSTOMERNO", Direction.IMPORT, char(10, "KUNNR")),
        Parameter("COMPANYCODE", Direction.IMPORT, char(4, "BUKRS"), True),
        Parameter("CUSTOMERADDRESS", Direction.EXPORT, ADDRESS),
        Parameter("CUSTOMERGENERALDETAIL", Direction.EXPORT, GENERAL),
        Parameter("CUSTOMERCOMPANYDETAIL", Direction.EXPORT, COMPANY),
        Parameter("RETURN", Direction.EXPORT, BAPIRETURN1),
        Parameter("CUSTOMERBANKDETAIL", Direction.TABLES, BANK, True),
    ),
    group="2048",
    text="Customer details",
)

_LIST_COLUMNS = {
    "CUSTOMER": "KUNNR",
    "SORT1": "SORTL",
    "NAME": "NAME1",
    "COUNTRY": "LAND1",
    "COUNTRYISO": "LAND1",
    "CITY": "ORT01",
    "POSTL_COD1": "PSTLZ",
    "REGION": "REGIO",
    "STREET": "STRAS",
    "TEL1_NUMBR": "TELF1",
    "FAX_NUMBER": "TELFX",
    "ADDRESS": "ADRNR",
}
_ADDRESS_COLUMNS = {
    "CUSTOMER": "KUNNR",
    "NAME": "NAME1",
    "NAME_2": "NAME2",
    "CITY": "ORT01",
    "POSTL_CODE": "PSTLZ",
    "REGION": "REGIO",
    "STREET": "STRAS",
    "TELEPHONE": "TELF1",
    "FAX_NUMBER": "TELFX",
    "COUNTRY": "LAND1",
    "COUNTRYISO": "LAND1",
    "LANGU": "SPRAS",
}
_GENERAL_COLUMNS = {
    "CUSTOMER": "KUNNR",
    "CRE_DATE": "ERDAT",
    "CRE_NAME": "ERNAM",
    "ACCNT_GRP": "KTOKD",
    "DEL_FLAG": "LOEVM",
    "ANN_SALES": "UMSA1",
    "CURRENCY": "UWAER",
}
_COMPANY_COLUMNS = {
    "COMP_CODE": "BUKRS",
    "CUSTOMER": "KUNNR",
    "DEL_FLAG": "LOEVM",
    "POST_BLOCK": "SPERR",
    "GL_ACCOUNT": "AKONT",
    "PMNTTRMS": "ZTERM",
}


def getlist(call: Call) -> Mapping[str, Any]:
    """Nobody found is an error (F2 718); an answer that MAXROWS cut says nothing of it."""
    wrong = _wrong(call.table("IDRANGE"))
    if wrong is not None:
        return {"RETURN": wrong}
    rows = [row for row in call.system.rows("KNA1", call.session.client) if _wanted(call, row)]
    if not rows:
        text = "No customers were found for the selection criteria"
        return {"RETURN": message("E", "F2", 718, text), "ADDRESSDATA": [], "SPECIALDATA": []}
    rows = rows[: call["MAXROWS"] or None]
    return {
        "ADDRESSDATA": [_renamed(row, _LIST_COLUMNS, ADDRESSDATA) for row in rows],
        "SPECIALDATA": [{"CUSTOMER": row["KUNNR"], "CPD": row["XCPDK"]} for row in rows],
    }


def _wanted(call: Call, row: Mapping[str, Any]) -> bool:
    one_time = not call["CPDONLY"].strip() or row["XCPDK"] == "X"
    return one_time and ranges.selects(row["KUNNR"], call.table("IDRANGE"))


def _wrong(idrange: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    for row in idrange:
        if row["SIGN"] not in ranges.SIGNS:
            text = f"Ranges: Value {row['SIGN']} in field SIGN is invalid. Allowed values are I, E."
            return message("E", "S&", 26, text, row["SIGN"])
        if row["OPTION"] not in ranges.OPTIONS:
            text = f"Ranges: Value {row['OPTION']} in field OPTION is invalid"
            return message("E", "S&", 27, text, row["OPTION"])
    return None


def getdetail2(call: Call) -> Mapping[str, Any]:
    number, company = call["CUSTOMERNO"], call["COMPANYCODE"].strip()
    customer = _one(call, "KNA1", number)
    if customer is None:
        text = f"Customer {number} has not been created"
        return {"RETURN": message("E", "F2", 153, text, number)}
    answer: dict[str, Any] = {
        "CUSTOMERADDRESS": _renamed(customer, _ADDRESS_COLUMNS, ADDRESS),
        "CUSTOMERGENERALDETAIL": _renamed(customer, _GENERAL_COLUMNS, GENERAL),
        "CUSTOMERBANKDETAIL": [],
    }
    detail = _one(call, "KNB1", number, company) if company else None
    if detail is not None:
        answer["CUSTOMERCOMPANYDETAIL"] = _renamed(detail, _COMPANY_COLUMNS, COMPANY)
    return answer


def _one(call: Call, table: str, *key: str) -> dict[str, Any] | None:
    relation, found = call.system.select(table, key, key, client=call.session.client)
    return dict(zip(relation.names, found[0], strict=True)) if found else None


def _renamed(row: Mapping[str, Any], columns: Mapping[str, str], shape: Structure) -> dict[str, Any]:
    return {each.name: _cut(row[columns[each.name]], each.type) for each in shape.fields}  # type: ignore[arg-type]


def _cut(value: Any, type_: Type) -> Any:
    return value[: type_.leng] if isinstance(value, str) else value


def functions() -> Iterable[tuple[Function, Callable[[Call], Mapping[str, Any]]]]:
    yield GETLIST, getlist
    yield GETDETAIL2, getdetail2
