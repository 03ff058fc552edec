"""The demo's third source: a simulated Oracle Database, whose changes and deletes plain queries tell."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.testing.daemon import consume
from bridge.testing.demo.staff import Staff, secret

if TYPE_CHECKING:
    from bridge.testing.oracle.orders import Orders
    from bridge.testing.oracle.server import OraclePeer

CONNECTOR = "depot"
TOPICS = {"CUSTOMERS": "depot.customers", "ORDERS": "depot.orders", "ORDER_LINES": "depot.lines"}
"""Table -> the topic of its events."""
ORDERS = 300
RATE = 20.0
LACKING = "no Oracle this time: its simulator needs seerdb and oracledb (pip install oracledb seerdb)"

CONFIG = """\
  {connector}:
    kind: oracle
    dsn: {dsn}
    user: {user}
    password: file:{password}
    interval: 300ms
    streams:
{streams}
"""


class Oracle(Staff):
    """A database in this process, a simulator, and a depot that works with it: orders come, change and go."""

    def __init__(self) -> None:
        from bridge.testing.oracle.orders import Orders
        from bridge.testing.oracle.server import OraclePeer

        super().__init__("depot", RATE)
        self.peer: OraclePeer = OraclePeer()
        self.orders: Orders = Orders(self.peer.store, ORDERS)
        self.peer.__enter__()

    @classmethod
    def raised(cls) -> Oracle | None:
        """It runs; None where it could not, or could not be read."""
        return cls() if find_spec("seerdb") and find_spec("oracledb") else None

    def close(self) -> None:
        self.go_home()
        self.peer.close()

    def config(self, folder: Path) -> str:
        """Of the connector; its password is in a file there."""
        password = secret(folder, "oracle-password", self.peer.password)
        streams = "\n".join(f"      SALES.{table}: {{topic: {topic}}}" for table, topic in TOPICS.items())
        return CONFIG.format(
            connector=CONNECTOR, dsn=self.peer.dsn, user=self.peer.user, password=password, streams=streams
        )

    @property
    def rows(self) -> int:
        """Those there are in all its tables."""
        store = self.peer.store
        with store.lock:
            return sum(1 for table in TOPICS for _ in store.table(f"SALES.{table}").as_of(store.scn))

    def arrived(self, address: str) -> bool:
        """Whether its topics have the last of its transactions."""
        store = self.peer.store
        return all(
            _newest(address, topic) >= (store.table(f"SALES.{table}").commits[-1].start or 0)
            for table, topic in TOPICS.items()
        )

    def step(self) -> None:
        self.orders.step()


def _newest(address: str, topic: str) -> int:
    """The highest SCN that an event tells."""
    events = (record.event for record in consume(address, topic) if record.value)
    return max((int(event["source"]["scn"]) for event in events), default=0)
