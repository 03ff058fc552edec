"""The demo's second source: a mainframe whose customers are read off its screens, and its clerks."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.testing.daemon import consume
from bridge.testing.demo.staff import Staff, secret
from bridge.testing.folding import folded

if TYPE_CHECKING:
    from bridge.testing.mainframe import Customer, Host

CONNECTOR = "bank"
TOPIC = "bank.customers"
CUSTOMERS = 300
RATE = 10.0
LACKING = "no mainframe this time: neither s3270 nor tnz is installed (apt-get install s3270)"

CONFIG = """\
  {connector}:
    kind: mainframe
    transport: {transport}
    host: 127.0.0.1
    port: {port}
    user: {user}
    password: file:{password}
    maps: [{maps}]
    settle: 20ms
    interval: 300ms
    max_delete: 100%
    logon:
      - {{on: signon, fill: {{user: "{{user}}", password: "{{password}}"}}, press: enter, expect: menu}}
    logoff:
      - {{type: CESF LOGOFF, press: enter, expect: any}}
    streams:
      customers:
        mode: list
        goto: [{{type: CUSTLIST, press: enter, expect: custlist}}]
        screen: custlist
        paging: key
        topic: {topic}
"""


def transport() -> str | None:
    """The 3270 client that there is, if there is one and a host to be read by it."""
    if not find_spec("mfmock"):
        return None
    if shutil.which("s3270"):
        return "s3270"
    return "tnz" if find_spec("tnz") else None


class Mainframe(Staff):
    """A host in this process, and its clerks: they change customers, take some on and strike some off."""

    def __init__(self, client: str) -> None:
        from bridge.testing.mainframe import Host

        super().__init__("clerks", RATE)
        self.client = client
        self.host: Host = Host(count=CUSTOMERS)
        self.host.switches.by_key = True
        self.host.start()
        self._chance = random.Random(1971)
        self._next = 10 * CUSTOMERS

    @classmethod
    def raised(cls) -> Mainframe | None:
        """It runs; None where it could not be read."""
        client = transport()
        return cls(client) if client else None

    def close(self) -> None:
        self.go_home()
        self.host.close()

    def config(self, folder: Path) -> str:
        """Of the connector; its password is in a file there."""
        from bridge.testing.mainframe.options import MAPS

        password = secret(folder, "mainframe-password", self.host.password)
        return CONFIG.format(
            connector=CONNECTOR,
            transport=self.client,
            port=self.host.port,
            user=self.host.user,
            password=password,
            maps=MAPS,
            topic=TOPIC,
        )

    @property
    def pages(self) -> int:
        """So many it has shown."""
        return self.host.counts["pages"]

    # -- the clerks

    def step(self) -> None:
        host, chance = self.host, self._chance
        with host.lock:
            identity = chance.choice([*host.customers])
            what = chance.random()
            if what < 0.1:
                host.delete(identity)
            elif what < 0.2:
                self._take_on()
            else:
                paid = Decimal(chance.randint(-90_000, 90_000)) / 100
                host.change(identity, balance=host.customers[identity].balance + paid)

    def _take_on(self) -> None:
        from bridge.testing.mainframe import customer

        self._next += 10
        self.host.insert(customer(self._next))

    # -- what it has, and what its topic has

    def rows(self) -> dict[int, dict[str, object]]:
        """As its list shows them."""
        with self.host.lock:
            return {int(each.id): _row(each) for each in self.host.customers.values()}

    def compared(self, address: str) -> dict[str, object]:
        """Its customers beside their topic, as `verify` tells it of tables."""
        here = self.rows()
        found = folded(_events(address), "id")
        there = {key[0]: row for key, row in found.rows.items()}
        wrong = [key for key in here.keys() & there.keys() if here[key] != there[key]]
        gone = there.keys() - here.keys()
        return {
            "table": "customers",
            "topic": TOPIC,
            "rows": len(here),
            "events": sum(found.operations.values()),
            "pending": 0,
            "lost": {"count": len(here.keys() - there.keys())},
            "doubled": {"count": found.doubled},
            "differing": {"count": len(wrong) + len(gone)},
        }

    def arrived(self, address: str) -> bool:
        """Whether the topic is what the host has."""
        found = self.compared(address)
        return not any(found[name] != {"count": 0} for name in ("lost", "differing"))


def _row(customer: Customer) -> dict[str, object]:
    return {
        "id": int(customer.id),
        "name": customer.name,
        "balance": f"{customer.balance:.2f}",
        "status": customer.status,
        "mark": customer.mark,
    }


def _events(address: str) -> Iterator[dict[str, object]]:
    return (record.event for record in consume(address, TOPIC) if record.value)
