"""What clients ask before they call: interfaces of functions, and the components of their types.

SAP's documentation of RFC_GET_FUNCTION_INTERFACE (structure RFC_FUNINT) and RFC_GET_STRUCTURE_DEFINITION
(RFC_FIELDS). What the columns hold over RFC is as in docs/protocol of the project saprfclib: offsets and
lengths in bytes of a Unicode system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.testing.sap import ddif
from bridge.testing.sap.abap import AnyType, Function, Parameter, Structure, TableType, Type
from bridge.testing.sap.modules import Body, Call
from bridge.testing.sap.shapes import FLAG, NAME, blank, gives, lists, missing, name_of, row, takes

if TYPE_CHECKING:
    from bridge.testing.sap.system import System

RFC_FUNINT = row(
    "RFC_FUNINT",
    """PARAMCLASS:C1 PARAMETER:C30 TABNAME:C30 FIELDNAME:C30 EXID:C1 POSITION:INT4 OFFSET:INT4 INTLENGTH:INT4
    DECIMALS:INT4 DEFAULT:C21 PARAMTEXT:C79 OPTIONAL:C1""",
)
RFC_FIELDS = row(
    "RFC_FIELDS",
    "TABNAME:C30 FIELDNAME:C30 POSITION:INT4 OFFSET:INT4 INTLENGTH:INT4 DECIMALS:INT4 EXID:C1",
)
INTERFACE = Function(
    "RFC_GET_FUNCTION_INTERFACE",
    (
        takes("FUNCNAME", NAME, optional=False),
        takes("LANGUAGE", Type("LANG")),
        takes("NONE_UNICODE_LENGTH", FLAG),
        gives("REMOTE_BASXML_SUPPORTED", FLAG),
        gives("REMOTE_CALL", FLAG),
        gives("UPDATE_TASK", FLAG),
        lists("PARAMS", RFC_FUNINT),
        lists("RESUMABLE_EXCEPTIONS", row("RSEXC", "EXCEPTION:C30")),
    ),
    exceptions=("FU_NOT_FOUND", "NAMETAB_FAULTY"),
    group="RFC1",
)
COMPONENTS = Function(
    "RFC_GET_STRUCTURE_DEFINITION",
    (
        takes("TABNAME", NAME, optional=False),
        takes("UUID", Type("RAW", 16)),
        gives("TABLENGTH", Type("INT4")),
        lists("FIELDS", RFC_FIELDS),
    ),
    exceptions=("TABLE_NOT_ACTIVE",),
    group="RFC1",
)
_BLANK = blank(RFC_FUNINT)


def interface(call: Call) -> dict[str, Any]:
    """RFC_GET_FUNCTION_INTERFACE. Kernels 742 and 793 know no function that is not remote-enabled."""
    name = name_of(call, "FUNCNAME")
    function = call.system.function(name)
    if function is None or not function.remote:
        raise missing("FU_NOT_FOUND", "FL", "046", name)
    rows = [_parameter(each, position) for position, each in enumerate(function.parameters, 1)]
    rows += [_BLANK | {"PARAMCLASS": "X", "PARAMETER": each} for each in function.exceptions]
    return {"REMOTE_CALL": "R", "PARAMS": rows}


def components(call: Call) -> dict[str, Any]:
    """RFC_GET_STRUCTURE_DEFINITION: the components themselves, whatever is in them."""
    name = name_of(call, "TABNAME")
    found = _structure(call.system.type(name))
    if found is None:
        raise missing("TABLE_NOT_ACTIVE", "DA", "131", name)
    rows = [
        {
            "TABNAME": name,
            "FIELDNAME": each.field.name,
            "POSITION": position,
            "OFFSET": each.offset,
            "INTLENGTH": each.length,
            "DECIMALS": _decimals(each.field.type),
            "EXID": each.field.type.letter,
        }
        for position, each in enumerate(found.layout, 1)
    ]
    return {"TABLENGTH": found.intlen, "FIELDS": rows}


def _structure(found: Structure | TableType | None) -> Structure | None:
    inner = found.row if isinstance(found, TableType) else found
    return inner if isinstance(inner, Structure) else None


def _decimals(type_: AnyType) -> int:
    return type_.decimals if isinstance(type_, Type) else 0


def _parameter(parameter: Parameter, position: int) -> dict[str, Any]:
    type_ = parameter.type
    table, _, field = type_.name.partition("-")
    return _BLANK | {
        "PARAMCLASS": str(parameter.direction),
        "PARAMETER": parameter.name,
        "TABNAME": table,
        "FIELDNAME": field,
        "EXID": type_.letter,
        "POSITION": position,
        "INTLENGTH": (type_.row if isinstance(type_, TableType) else type_).intlen,
        "DECIMALS": _decimals(type_),
        "DEFAULT": parameter.default,
        "PARAMTEXT": parameter.text,
        "OPTIONAL": "X" if parameter.optional else "",
    }


def _nothing(_: Call) -> dict[str, Any]:
    return {}


def install(system: System) -> None:
    """The functions that clients call for themselves; and the table types, which one of them reads."""
    modules: tuple[tuple[Function, Body], ...] = (
        (INTERFACE, interface),
        (COMPONENTS, components),
        (ddif.DDIF_FIELDINFO_GET, ddif.ddif_fieldinfo_get),
        (Function("RFCPING", group="SYST"), _nothing),
    )
    for function, body in modules:
        system.install(function, body)
    system.define(ddif.DD40L, ddif.table_types)
