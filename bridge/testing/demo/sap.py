"""The demo's fourth source: a simulated SAP system, read over RFC: its customers, and who changes them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.testing.daemon import consume
from bridge.testing.demo.staff import Staff, secret
from bridge.testing.folding import folded

if TYPE_CHECKING:
    from bridge.testing.sap.clerks import Clerks
    from bridge.testing.sap.peer import SapPeer

CONNECTOR = "crm"
CUSTOMERS, CHANGES = "crm.customers", "crm.changes"
"""The topics: customers as they are, and what was changed, by whom."""
TOPICS = (CUSTOMERS, CHANGES)
VERIFIED = "KNA1"
"""The stream that can be compared with its source; a log of changes cannot."""
COUNT = 200
RATE = 5.0
LACKING = "no SAP this time: its simulator and the client need saprfclib (pip install saprfclib)"

CONFIG = """\
  {connector}:
    kind: sap
    ashost: {ashost}
    sysnr: "{sysnr}"
    client: "{client}"
    user: {user}
    password: file:{password}
    interval: 500ms
    streams:
      KNA1:
        mode: table
        images: true
        fields: [KUNNR, NAME1, STRAS, PSTLZ, ORT01, LAND1, UMSA1, UWAER, UPDAT, UPTIM]
        topic: {customers}
      changes:
        mode: change_documents
        classes: [DEBI]
        tables: [KNA1]
        safety_interval: 1s
        topic: {changes}
"""


def told(event: bytes) -> str:
    """What a change document says, in a line; empty of one that names no columns."""
    source = json.loads(event)["source"]
    columns = ", ".join(source["changed"])
    return f"{source['username']} changed {columns} of customer {source['objectid']}" if columns else ""


class Sap(Staff):
    """A system in this process, a simulator, and clerks who open, change and close accounts."""

    def __init__(self) -> None:
        from bridge.testing.sap.clerks import Clerks
        from bridge.testing.sap.company import Company
        from bridge.testing.sap.peer import SapPeer

        super().__init__("clerks", RATE)
        company = Company(customers=COUNT)
        self.peer: SapPeer = SapPeer(company.system)
        self.clerks: Clerks = Clerks(company.customers)
        self.peer.__enter__()

    @classmethod
    def raised(cls) -> Sap | None:
        """It runs; None where it could not, or could not be read."""
        return cls() if find_spec("saprfclib") else None

    def close(self) -> None:
        self.go_home()
        self.peer.close()

    def config(self, folder: Path) -> str:
        """Of the connector; its password is in a file there."""
        password = secret(folder, "sap-password", self.peer.password)
        return CONFIG.format(
            connector=CONNECTOR,
            ashost=self.peer.ashost,
            sysnr=self.peer.sysnr,
            client=self.peer.client,
            user=self.peer.user,
            password=password,
            customers=CUSTOMERS,
            changes=CHANGES,
        )

    @property
    def customers(self) -> int:
        return len(self.peer.system.rows("KNA1"))

    def arrived(self, address: str) -> bool:
        """Whether its topics have what there is, and all documents."""
        events = (record.event for record in consume(address, CUSTOMERS) if record.value)
        there = {key[0]: row["STRAS"] for key, row in folded(events, "KUNNR").rows.items()}
        here = {row["KUNNR"]: row["STRAS"] for row in self.peer.system.rows("KNA1")}
        documents = {row["CHANGENR"] for row in self.peer.system.rows("CDHDR")}
        told = (record.event["source"]["changenr"] for record in consume(address, CHANGES) if record.value)
        return there == here and documents <= set(told)

    def step(self) -> None:
        self.clerks.step()
