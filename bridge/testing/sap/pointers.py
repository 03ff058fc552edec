"""Change pointers: BDCP2, written with change documents for the message types that ask for them.

The table: sapdatasheet.org, BDCP2; SAP Note 513454 has it in the place of BDCP and BDCPS. Which fields of
which table a message type asks for: SAP Help, "Master Data Distribution with Change Pointers" (BD52).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.testing.sap import clock
from bridge.testing.sap.abap import Field, Structure, Table, Type, char, numc
from bridge.testing.sap.change_documents import Document

BDCP2 = Table(
    Structure(
        "BDCP2",
        (
            Field("MANDT", Type("CLNT", name="MANDT", domain="MANDT"), key=True, text="Client"),
            Field("MESTYPE", char(30, "EDI_MESTYP"), key=True, text="Message type"),
            Field("CPIDENT", numc(10, "CPIDENT"), key=True, text="Change pointer ID"),
            Field("PROCESS", char(1, "ALE_PROCES"), text="ALE processing indicator"),
            Field("TABNAME", char(30, "TABNAME"), text="Table name"),
            Field("TABKEY", char(254, "CDTABKEYLO"), text="Table key for CDPOS in character 254"),
            Field("FLDNAME", char(30, "FIELDNAME"), text="Field name"),
            Field("CRETIME", char(14, "CPCRETIME"), text="Creation time of a change pointer"),
            Field("ACTTIME", char(14, "CPACTTIME"), text="Activation time of a change pointer"),
            Field("USRNAME", char(12, "CDUSERNAME"), text="User of the change document"),
            Field("CDOBJCL", char(15, "CDOBJECTCL"), text="Object class"),
            Field("CDOBJID", char(90, "CDOBJECTV"), text="Object value"),
            Field("CDCHGNO", char(10, "CDCHANGENR"), text="Document change number"),
            Field("CDCHGID", char(1, "CDCHNGIND"), text="Change type (U, I, E, D)"),
        ),
        "Aggregated change pointers (BDCP, BDCPS)",
    )
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message type with its object class; `fields`: per table, those that count, empty for all."""

    type: str
    object_class: str
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def wants(self, item: Mapping[str, Any]) -> bool:
        if item["OBJECTCLAS"] != self.object_class:
            return False
        if not self.fields:
            return True
        names = self.fields.get(item["TABNAME"])
        return names is not None and (not names or item["FNAME"] in {*names, "KEY"})


def pointers(
    messages: Iterable[Message], document: Document, items: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """A pointer for every item that a message type asks for, still without its number."""
    stamp = clock.date(document.moment) + clock.time(document.moment)
    wanted = tuple(messages)
    for item in items:
        for message in wanted:
            if message.wants(item):
                yield _pointer(message, document, item, stamp)


def _pointer(message: Message, document: Document, item: Mapping[str, Any], stamp: str) -> dict[str, Any]:
    return {
        "MANDT": document.client,
        "MESTYPE": message.type,
        "TABNAME": item["TABNAME"],
        "TABKEY": item["TABKEY"],
        "FLDNAME": item["FNAME"],
        "CRETIME": stamp,
        "ACTTIME": stamp,
        "USRNAME": document.user,
        "CDOBJCL": document.kind.name,
        "CDOBJID": document.id,
        "CDCHGNO": document.number,
        "CDCHGID": item["CHNGIND"],
    }
