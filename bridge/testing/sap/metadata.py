"""What clients ask before they call: interfaces of functions, and the components of their types.

The interfaces: SAP's documentation of RFC_GET_FUNCTION_INTERFACE (structure RFC_FUNINT), DDIF_FIELDINFO_GET
(DFIES) and RFC_GET_STRUCTURE_DEFINITION (RFC_FIELDS). What the columns hold over RFC is as in docs/protocol
of the project saprfclib: offsets and lengths in bytes of a Unicode system.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bridge.testing.sap.abap import (
    AnyType,
    Direction,
    Field,
    Function,
    Parameter,
    Structure,
    Table,
    TableType,
    Type,
    char,
    numc,
)
from bridge.testing.sap.errors import AbapException
from bridge.testing.sap.modules import Body, Call

if TYPE_CHECKING:
    from bridge.testing.sap.system import System

FLAG = char(1)
NAME = char(30)
INT = Type("INT4")


def _row(name: str, columns: str) -> Structure:
    """A structure from `NAME:C30 POSITION:N4 ...`: a CHAR, a NUMC, or any other type."""
    fields = []
    for column in columns.split():
        field, _, kind = column.partition(":")
        letter, length = kind[0], kind[1:]
        of = {"C": char, "N": numc}.get(letter) if length.isdigit() else None
        fields.append(Field(field, of(int(length)) if of else Type(kind)))
    return Structure(name, tuple(fields))


DFIES = _row(
    "DFIES",
    """TABNAME:C30 FIELDNAME:C30 LANGU:LANG POSITION:N4 OFFSET:N6 DOMNAME:C30 ROLLNAME:C30 CHECKTABLE:C30
    LENG:N6 INTLEN:N6 OUTPUTLEN:N6 DECIMALS:N6 DATATYPE:C4 INTTYPE:C1 REFTABLE:C30 REFFIELD:C30
    PRECFIELD:C30 AUTHORID:C3 MEMORYID:C20 LOGFLAG:C1 MASK:C20 MASKLEN:N4 CONVEXIT:C5 HEADLEN:N2
    SCRLEN1:N2 SCRLEN2:N2 SCRLEN3:N2 FIELDTEXT:C60 REPTEXT:C55 SCRTEXT_S:C10 SCRTEXT_M:C20 SCRTEXT_L:C40
    KEYFLAG:C1 LOWERCASE:C1 MAC:C1 GENKEY:C1 NOFORKEY:C1 VALEXI:C1 NOAUTHCH:C1 SIGN:C1 DYNPFLD:C1
    F4AVAILABL:C1 COMPTYPE:C1 LFIELDNAME:C132 LTRFLDDIS:C1 BIDICTRLC:C1 OUTPUTSTYLE:N2 NOHISTORY:C1
    AMPMFORMAT:C1""",
)
RFC_FUNINT = _row(
    "RFC_FUNINT",
    """PARAMCLASS:C1 PARAMETER:C30 TABNAME:C30 FIELDNAME:C30 EXID:C1 POSITION:INT4 OFFSET:INT4 INTLENGTH:INT4
    DECIMALS:INT4 DEFAULT:C21 PARAMTEXT:C79 OPTIONAL:C1""",
)
RFC_FIELDS = _row(
    "RFC_FIELDS",
    "TABNAME:C30 FIELDNAME:C30 POSITION:INT4 OFFSET:INT4 INTLENGTH:INT4 DECIMALS:INT4 EXID:C1",
)
X030L = _row("X030L", "TABNAME:C30 DBASE:C1 CRSTAMP:C14 TABTYPE:C1 TABFORM:C1 REFNAME:C30 TABLEN:INT4")
DDFIXVALUE = _row("DDFIXVALUE", "LOW:C10 HIGH:C10 OPTION:C2 DDLANGUAGE:LANG DDTEXT:C60")
DDTYPEDESC = Structure(
    "DDTYPEDESC",
    (Field("TYPENAME", NAME), Field("TYPEKIND", char(4)), Field("FIELDS", TableType("DDFIELDS", DFIES))),
)


def _takes(name: str, type_: AnyType, *, optional: bool = True) -> Parameter:
    return Parameter(name, Direction.IMPORT, type_, optional)


def _gives(name: str, type_: AnyType) -> Parameter:
    return Parameter(name, Direction.EXPORT, type_, optional=True)


def _lists(name: str, row: Structure) -> Parameter:
    return Parameter(name, Direction.TABLES, row, optional=True)


INTERFACE = Function(
    "RFC_GET_FUNCTION_INTERFACE",
    (
        _takes("FUNCNAME", NAME, optional=False),
        _takes("LANGUAGE", Type("LANG")),
        _takes("NONE_UNICODE_LENGTH", FLAG),
        _gives("REMOTE_BASXML_SUPPORTED", FLAG),
        _gives("REMOTE_CALL", FLAG),
        _gives("UPDATE_TASK", FLAG),
        _lists("PARAMS", RFC_FUNINT),
        _lists("RESUMABLE_EXCEPTIONS", _row("RSEXC", "EXCEPTION:C30")),
    ),
    exceptions=("FU_NOT_FOUND", "NAMETAB_FAULTY"),
    group="RFC1",
)
COMPONENTS = Function(
    "RFC_GET_STRUCTURE_DEFINITION",
    (
        _takes("TABNAME", NAME, optional=False),
        _takes("UUID", Type("RAW", 16)),
        _gives("TABLENGTH", INT),
        _lists("FIELDS", RFC_FIELDS),
    ),
    exceptions=("TABLE_NOT_ACTIVE",),
    group="RFC1",
)
FIELDS = Function(
    "DDIF_FIELDINFO_GET",
    (
        _takes("TABNAME", NAME, optional=False),
        _takes("FIELDNAME", NAME),
        _takes("LANGU", Type("LANG")),
        _takes("LFIELDNAME", char(132)),
        _takes("ALL_TYPES", FLAG),
        _takes("GROUP_NAMES", FLAG),
        _takes("UCLEN", Type("INT1")),
        _takes("DO_NOT_WRITE", FLAG),
        _gives("X030L_WA", X030L),
        _gives("DDOBJTYPE", char(8)),
        _gives("DFIES_WA", DFIES),
        _gives("LINES_DESCR", TableType("DDTYPELIST", DDTYPEDESC)),
        _lists("DFIES_TAB", DFIES),
        _lists("FIXED_VALUES", DDFIXVALUE),
    ),
    exceptions=("NOT_FOUND", "INTERNAL_ERROR"),
    group="SDIFRUNTIME",
)


def interface(call: Call) -> dict[str, Any]:
    """RFC_GET_FUNCTION_INTERFACE. Kernels 742 and 793 know no function that is not remote-enabled."""
    name = _name(call, "FUNCNAME")
    function = call.system.function(name)
    if function is None or not function.remote:
        raise _missing("FU_NOT_FOUND", "FL", "046", name)
    rows = [_parameter(each, position) for position, each in enumerate(function.parameters, 1)]
    rows += [{"PARAMCLASS": "X", "PARAMETER": each} for each in function.exceptions]
    return {"REMOTE_CALL": "R", "PARAMS": rows}


def components(call: Call) -> dict[str, Any]:
    """RFC_GET_STRUCTURE_DEFINITION: the components themselves, whatever is in them."""
    name = _name(call, "TABNAME")
    row = _row_of(call.system.type(name))
    if row is None:
        raise _missing("TABLE_NOT_ACTIVE", "DA", "131", name)
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
        for position, each in enumerate(row.layout, 1)
    ]
    return {"TABLENGTH": row.intlen, "FIELDS": rows}


def fields(call: Call) -> dict[str, Any]:
    """DDIF_FIELDINFO_GET. Without ALL_TYPES only flat structures and tables are known to it.

    The components of substructures take the place of these, with their offsets in the whole.
    """
    name = _name(call, "TABNAME")
    table, found = call.system.table(name), call.system.type(name) or call.system.element(name)
    all_types = _name(call, "ALL_TYPES") == "X"
    if found is None or not (all_types or (isinstance(found, Structure) and not found.deep)):
        raise _missing("NOT_FOUND", "DA", "131", name)
    if not isinstance(found, Structure):
        kind = "TTYP" if isinstance(found, TableType) else "DTEL"
        return {"DDOBJTYPE": kind, "DFIES_WA": _typed(found) | {"TABNAME": name}}
    wanted, long_name = _name(call, "FIELDNAME"), _name(call, "LFIELDNAME")
    rows = [
        each
        for each in _described(name, found)
        if wanted in ("", each["FIELDNAME"]) and long_name in ("", each["LFIELDNAME"])
    ]
    if not rows:
        raise _missing("NOT_FOUND", "DA", "131", name)
    return {
        "DDOBJTYPE": table.table_class if table else "INTTAB",
        "X030L_WA": {"TABNAME": name, "TABLEN": found.intlen},
        "DFIES_TAB": [] if long_name else rows,
        "DFIES_WA": rows[0] if long_name else None,
        "LINES_DESCR": list(_lines(found)),
    }


def _missing(key: str, message_class: str, number: str, name: str) -> AbapException:
    return AbapException(key, message_class=message_class, number=number, values=(name,))


def _name(call: Call, parameter: str) -> str:
    return str(call[parameter]).strip().upper()


def _row_of(found: Structure | TableType | None) -> Structure | None:
    inner = found.row if isinstance(found, TableType) else found
    return inner if isinstance(inner, Structure) else None


def _decimals(type_: AnyType) -> int:
    return type_.decimals if isinstance(type_, Type) else 0


def _parameter(parameter: Parameter, position: int) -> dict[str, Any]:
    type_ = parameter.type
    table, _, field = type_.name.partition("-")
    return {
        "PARAMCLASS": parameter.direction,
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


def _described(name: str, row: Structure) -> list[dict[str, Any]]:
    leaves = enumerate(_leaves(row, "", 0), 1)
    return [
        _field(each, offset) | {"TABNAME": name, "POSITION": str(position), "LFIELDNAME": long_name}
        for position, (long_name, each, offset) in leaves
    ]


def _leaves(row: Structure, prefix: str, at: int) -> Iterator[tuple[str, Field, int]]:
    for each, offset, _ in row.layout:
        if isinstance(each.type, Structure):
            yield from _leaves(each.type, f"{prefix}{each.name}-", at + offset)
        else:
            yield f"{prefix}{each.name}", each, at + offset


def _field(each: Field, offset: int) -> dict[str, Any]:
    reference = each.reference or ("", "")
    return _typed(each.type) | {
        "FIELDNAME": each.name,
        "LANGU": "E",
        "OFFSET": str(offset),
        "CHECKTABLE": each.check_table,
        "REFTABLE": reference[0],
        "REFFIELD": reference[1],
        "FIELDTEXT": each.text,
        "REPTEXT": each.text,
        "KEYFLAG": "X" if each.key else "",
        "LOGFLAG": "X" if each.logged and not each.key else "",
    }


def _typed(type_: AnyType) -> dict[str, Any]:
    if not isinstance(type_, Type):
        kind = {"DATATYPE": "TTYP", "INTTYPE": "h", "COMPTYPE": "L"}
        return kind | {"ROLLNAME": type_.name, "INTLEN": str(type_.intlen)}
    return {
        "ROLLNAME": type_.name,
        "DOMNAME": type_.domain or type_.name,
        "LENG": str(type_.leng),
        "INTLEN": str(type_.intlen),
        "OUTPUTLEN": str(_output(type_)),
        "DECIMALS": str(type_.decimals),
        "DATATYPE": type_.datatype,
        "INTTYPE": type_.letter,
        "CONVEXIT": type_.exit,
        "SIGN": "X" if type_.letter == "P" and type_.signed else "",
        "COMPTYPE": "E",
    }


def _output(type_: Type) -> int:
    """Characters on a screen: of packed numbers with separators, point and sign."""
    match type_.letter:
        case "P":
            whole = type_.leng - type_.decimals
            return type_.leng + max((whole - 1) // 3, 0) + (type_.decimals > 0) + type_.signed
        case "X":
            return 2 * type_.leng
        case "D":
            return 10
        case "T":
            return 8
    return type_.leng + (type_.letter in "Is8")


def _lines(row: Structure) -> Iterator[dict[str, Any]]:
    """The rows of every table in it, at any depth."""
    for _, each, _ in _leaves(row, "", 0):
        if isinstance(each.type, TableType):
            inner = each.type.row
            described = _described(each.type.name, inner) if isinstance(inner, Structure) else [_typed(inner)]
            yield {"TYPENAME": each.type.name, "TYPEKIND": "TTYP", "FIELDS": described}
            if isinstance(inner, Structure):
                yield from _lines(inner)


DD40L = Table(
    Structure(
        "DD40L",
        (
            Field("TYPENAME", NAME, key=True),
            Field("AS4LOCAL", FLAG, key=True),
            Field("ROWTYPE", NAME),
            Field("ROWKIND", FLAG),
            Field("DATATYPE", char(4)),
            Field("LENG", numc(6)),
            Field("DECIMALS", numc(6)),
            Field("ACCESSMODE", FLAG),
        ),
    )
)
"""Table types. ROWKIND: S structure, E data element, empty for a built-in type."""


def _table_types(system: System) -> Iterator[dict[str, Any]]:
    for each in system.types:
        if isinstance(each, TableType):
            flat = isinstance(each.row, Type)
            kind = "S" if not flat else "E" if each.row.name else ""
            row = {"TYPENAME": each.name, "AS4LOCAL": "A", "ROWTYPE": each.row.name, "ROWKIND": kind}
            yield row | (_built_in(each.row) if isinstance(each.row, Type) else {}) | {"ACCESSMODE": "T"}


def _built_in(type_: Type) -> dict[str, Any]:
    return {"DATATYPE": type_.datatype, "LENG": str(type_.leng), "DECIMALS": str(type_.decimals)}


def _nothing(_: Call) -> dict[str, Any]:
    return {}


def install(system: System) -> None:
    """The functions that clients call for themselves; and the table types, which one of them reads."""
    modules: tuple[tuple[Function, Body], ...] = (
        (INTERFACE, interface),
        (COMPONENTS, components),
        (FIELDS, fields),
        (Function("RFCPING", group="SYST"), _nothing),
        (Function("RFC_PING", group="SYST"), _nothing),
    )
    for function, body in modules:
        system.install(function, body)
    if system.table(DD40L.name) is None:
        system.define(DD40L, _table_types)
