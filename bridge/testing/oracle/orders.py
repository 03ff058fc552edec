"""A small order system in the peer: its tables, and somebody who works in it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.store import Store

if TYPE_CHECKING:
    from threading import Event

    from bridge.testing.oracle.transactions import Transaction

OWNER = "SALES"
CUSTOMERS, ORDERS, LINES = f"{OWNER}.CUSTOMERS", f"{OWNER}.ORDERS", f"{OWNER}.ORDER_LINES"
STATUSES = ("open", "paid", "shipped", "closed")
PLACES = ("Bremen", "Ulm", "Graz", "Basel", "Lille", "Gent")
TABLES: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "CUSTOMERS": (
        (("ID", "NUMBER(10) NOT NULL"), ("NAME", "VARCHAR2(80) NOT NULL"), ("TOWN", "VARCHAR2(40)")),
        ("ID",),
    ),
    "ORDERS": (
        (
            *(
                ("ID", "NUMBER(10) NOT NULL"),
                ("CUSTOMER_ID", "NUMBER(10) NOT NULL"),
                ("STATUS", "VARCHAR2(12)"),
            ),
            *(("TOTAL", "NUMBER(12,2)"), ("PLACED_AT", "DATE"), ("CHANGED_AT", "TIMESTAMP(6)")),
        ),
        ("ID",),
    ),
    "ORDER_LINES": (
        (
            *(
                ("ORDER_ID", "NUMBER(10) NOT NULL"),
                ("LINE", "NUMBER(5) NOT NULL"),
                ("ARTICLE", "VARCHAR2(40)"),
            ),
            *(("QUANTITY", "NUMBER(8)"), ("PRICE", "NUMBER(12,2)")),
        ),
        ("ORDER_ID", "LINE"),
    ),
}


@dataclass
class Orders:
    """The tables with `count` orders, and what happens to them; `seed` makes it happen alike each time."""

    store: Store
    count: int = 200
    seed: int = 1
    orders: dict[int, int] = field(default_factory=dict)
    """The lines of each order that there is."""
    _last: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        for name, (columns, key) in TABLES.items():
            self.store.create(OWNER, name, columns, key=key)
        towns = [PLACES[number % len(PLACES)] for number in range(20)]
        rows = [
            {"ID": number, "NAME": f"Customer {number}", "TOWN": town} for number, town in enumerate(towns, 1)
        ]
        self.store.insert(CUSTOMERS, rows)
        with self.store.transaction() as tx:
            for _ in range(self.count):
                self._place(tx)

    def work(self, stop: Event, rate: float) -> None:
        """Until told to stop: so many transactions a second."""
        while not stop.wait(1 / rate):
            self.step()

    def step(self) -> None:
        """One transaction: an order placed, or changed twice, or taken away with its lines."""
        with self.store.transaction() as tx:
            dice = self._random.random()
            if dice < 0.4 or not self.orders:
                self._place(tx)
            elif dice < 0.85:
                self._change(tx)
            else:
                self._cancel(tx)

    def _place(self, tx: Transaction) -> None:
        self._last += 1
        lines = self._random.randint(1, 3)
        prices = [Decimal(self._random.randint(100, 99_999)) / 100 for _ in range(lines)]
        now = datetime.now(UTC).replace(tzinfo=None)
        order: dict[str, Any] = {
            "ID": self._last,
            "CUSTOMER_ID": self._random.randint(1, 20),
            "STATUS": "open",
        }
        tx.insert(ORDERS, order | {"TOTAL": sum(prices), "PLACED_AT": now, "CHANGED_AT": now})
        for line, price in enumerate(prices, 1):
            row = {"ORDER_ID": self._last, "LINE": line, "ARTICLE": f"A-{self._random.randint(100, 999)}"}
            tx.insert(LINES, row | {"QUANTITY": 1, "PRICE": price})
        self.orders[self._last] = lines

    def _change(self, tx: Transaction) -> None:
        number = self._random.choice(list(self.orders))
        for status in self._random.sample(STATUSES[1:], self._random.randint(1, 2)):
            now = datetime.now(UTC).replace(tzinfo=None)
            tx.update(ORDERS, number, {"STATUS": status, "CHANGED_AT": now})

    def _cancel(self, tx: Transaction) -> None:
        number = self._random.choice(list(self.orders))
        for line in range(1, self.orders.pop(number) + 1):
            tx.delete(LINES, (number, line))
        tx.delete(ORDERS, number)
