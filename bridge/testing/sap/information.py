"""What a system says of itself: RFC_PING, STFC_CONNECTION, RFC_SYSTEM_INFO, and the clock.

Interfaces: sapdatasheet.org, function group SRFC. The text of STFC_CONNECTION: PyRFC's documentation, "Client
scenario".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from bridge.testing.sap import clock
from bridge.testing.sap.abap import Direction, Function, Parameter, Type, char, structure
from bridge.testing.sap.modules import Call

RFCSI = structure(
    "RFCSI",
    "RFC system information",
    RFCPROTO=char(3),
    RFCCHARTYP=char(4),
    RFCINTTYP=char(3),
    RFCFLOTYP=char(3),
    RFCDEST=char(32),
    RFCHOST=char(8),
    RFCSYSID=char(8),
    RFCDATABS=char(8),
    RFCDBHOST=char(32),
    RFCDBSYS=char(10),
    RFCSAPRL=char(4),
    RFCMACH=char(5),
    RFCOPSYS=char(10),
    RFCTZONE=char(6),
    RFCDAYST=char(1),
    RFCIPADDR=char(15),
    RFCKERNRL=char(4),
    RFCHOST2=char(32),
    RFCSI_RESV=char(12),
    RFCIPV6ADDR=char(45),
)
_INT = Type("INT4", name="SYINDEX")
_TEXT = char(255, "SYST-LISEL")

RFC_PING = Function("RFC_PING", group="SRFC", text="RFC ping")
STFC_CONNECTION = Function(
    "STFC_CONNECTION",
    (
        Parameter("REQUTEXT", Direction.IMPORT, _TEXT),
        Parameter("ECHOTEXT", Direction.EXPORT, _TEXT),
        Parameter("RESPTEXT", Direction.EXPORT, _TEXT),
    ),
    group="SRFC",
    text="RFC test: connection",
)
RFC_SYSTEM_INFO = Function(
    "RFC_SYSTEM_INFO",
    (
        Parameter("DESTINATION", Direction.IMPORT, char(32, "RFCDEST"), True, "SPACE"),
        Parameter("RFCSI_EXPORT", Direction.EXPORT, RFCSI),
        Parameter("CURRENT_RESOURCES", Direction.EXPORT, _INT),
        Parameter("MAXIMAL_RESOURCES", Direction.EXPORT, _INT),
        Parameter("RECOMMENDED_DELAY", Direction.EXPORT, _INT),
    ),
    ("AUTHORITY_NOT_AVAILABLE",),
    "SRFC",
    "RFC: information on the target system",
)


def rfc_ping(_: Call) -> Mapping[str, Any]:
    return {}


def stfc_connection(call: Call) -> Mapping[str, Any]:
    system, session, now = call.system, call.session, call.system.clock.now()
    parts = (
        f"SAP R/3 Rel. {system.release}   Sysid: {system.sysid}",
        f"Date: {clock.date(now)}   Time: {clock.time(now)}",
        f"Logon_Data: {session.client}/{session.user}/{session.language}",
    )
    return {"ECHOTEXT": call["REQUTEXT"], "RESPTEXT": "      ".join(parts)}


def rfc_system_info(call: Call) -> Mapping[str, Any]:
    """RFCTZONE: seconds east of UTC without daylight saving time, which RFCDAYST tells."""
    system, now = call.system, call.system.clock.now()
    saving = now.dst() or timedelta()
    offset = (now.utcoffset() or timedelta()) - saving
    about = {
        "RFCPROTO": "011",
        "RFCCHARTYP": "4103",
        "RFCINTTYP": "LIT",
        "RFCFLOTYP": "IE3",
        "RFCDEST": f"{system.host}_{system.sysid}_00",
        "RFCHOST": system.host[:8],
        "RFCSYSID": system.sysid,
        "RFCDATABS": system.sysid,
        "RFCDBHOST": system.host,
        "RFCDBSYS": "HDB",
        "RFCSAPRL": system.release,
        "RFCMACH": "390",
        "RFCOPSYS": "Linux",
        "RFCTZONE": f"{int(offset.total_seconds()):6}",
        "RFCDAYST": "X" if saving else "",
        "RFCIPADDR": "127.0.0.1",
        "RFCKERNRL": "753",
        "RFCHOST2": system.host,
        "RFCIPV6ADDR": "127.0.0.1",
    }
    return {"RFCSI_EXPORT": {each.name: about.get(each.name, "") for each in RFCSI.fields}}


def functions() -> Iterable[tuple[Function, Callable[[Call], Mapping[str, Any]]]]:
    yield RFC_PING, rfc_ping
    yield STFC_CONNECTION, stfc_connection
    yield RFC_SYSTEM_INFO, rfc_system_info
