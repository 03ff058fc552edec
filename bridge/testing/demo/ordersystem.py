"""The legacy system of the demo: an order system of 2005 in H2, with its history and a till that rings."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

from bridge.testing.databases import DatabaseError, H2Server
from bridge.testing.demo import tables
from bridge.testing.demo.staff import Staff
from bridge.testing.demo.tables import LINES_AN_ORDER

CUSTOMERS, ORDERS = 1_500, 12_000
RATE = 7.0
ORDERS_A_TICK = 10

CITIES = ("Hamburg", "Łódź", "Göteborg", "Århus", "Lyon", "Bilbao", "Gdańsk", "Basel")
CLERKS = ("MEIER", "KOWALSKI", "JENSEN", "BATCH01")
METHODS = ("CASH", "WIRE", "CARD", "CHEQ")
REMARKS = ("NULL", "NULL", "NULL", "'paid twice, see letter'", "'Skonto 2 %, \"wie immer\"'")


class OrderSystem:
    """Writes as one old program over one connection does, so that numbers become visible in their order."""

    def __init__(self, database: H2Server) -> None:
        self._database = database
        self._chance = random.Random(2005)
        self._lock = Lock()
        self._next = Counter(dict.fromkeys(tables.TABLES, 1))
        self.rows: Counter[str] = Counter()
        """Committed rows by table."""

    def create(self) -> None:
        """The tables, and what twenty years have left in them."""
        self._database.execute(tables.CREATE)
        with self._lock:
            self._commit([tables.customers(CUSTOMERS)], {"CUSTMAST": CUSTOMERS})
        self.batch_run(ORDERS)

    def batch_run(self, orders: int) -> int:
        """That many orders in one transaction, as a night's batch makes them; the number of rows."""
        added = {"ORDHDR": orders, "ORDLIN": orders * LINES_AN_ORDER, "PAYMT": orders}
        with self._lock:
            order, line, payment = (self._next[table] for table in added)
            self._commit(list(tables.orders(order, line, payment, orders, CUSTOMERS)), added)
        return sum(added.values())

    def sell(self) -> None:
        """A few orders with their lines and payments, now and then a new customer: one transaction."""
        with self._lock:
            made = {table: list(rows) for table, rows in self._sales() if rows}
            added = {table: len(rows) for table, rows in made.items()}
            self._commit([_insert(table, rows) for table, rows in made.items()], added)

    def _sales(self) -> Iterator[tuple[str, Sequence[str]]]:
        order, line, payment = (self._next[table] for table in ("ORDHDR", "ORDLIN", "PAYMT"))
        orders = range(order, order + self._chance.randint(1, 2 * ORDERS_A_TICK))
        lines = [
            (each, at + 1) for each in orders for at in range(self._chance.randint(1, 2 * LINES_AN_ORDER))
        ]
        yield "ORDHDR", [self._order(each) for each in orders]
        yield "ORDLIN", [self._line(line + number, *place) for number, place in enumerate(lines)]
        yield "PAYMT", [self._payment(payment + number, each) for number, each in enumerate(orders)]
        yield "CUSTMAST", [self._customer(self._next["CUSTMAST"])] if self._chance.random() < 0.5 else []

    def _order(self, number: int) -> str:
        now = datetime.now(UTC)
        customer, clerk = self._chance.randrange(1, self._next["CUSTMAST"]), self._chance.choice(CLERKS)
        stamp = now.isoformat(" ", "milliseconds")[:23]
        return _row(
            *(number, customer, f"DATE '{now:%Y-%m-%d}'", "'NW'", "'EUR'", self._money(), f"'{clerk}'"),
            f"TIMESTAMP '{stamp}'",
        )

    def _line(self, number: int, order: int, position: int) -> str:
        article = f"'A{self._chance.randrange(10**6):06d}-X'"
        quantity, price = self._chance.randrange(1, 9_000) / 1000, self._chance.randrange(10**7) / 10_000
        return _row(number, order, position, article, f"{quantity:.3f}", f"{price:.4f}")

    def _payment(self, number: int, order: int) -> str:
        due = datetime.now(UTC) + timedelta(days=self._chance.randrange(30))
        method, remark = self._chance.choice(METHODS), self._chance.choice(REMARKS)
        return _row(number, order, self._money(), f"'{method}'", f"DATE '{due:%Y-%m-%d}'", remark)

    def _customer(self, number: int) -> str:
        city, clerk = self._chance.choice(CITIES), self._chance.choice(CLERKS)
        return _row(number, f"'Kunde {number}'", f"'{city}'", self._money(), "CURRENT_DATE", f"'{clerk}'")

    def _money(self) -> str:
        return f"{self._chance.uniform(5, 4000):.2f}"

    def _commit(self, statements: Sequence[str], added: Mapping[str, int]) -> None:
        self._database.execute("".join(f"{statement};\n" for statement in (*statements, "COMMIT")))
        self._next.update(added)
        self.rows.update(added)


def _row(*values: object) -> str:
    return f"({', '.join(map(str, values))})"


def _insert(table: str, rows: Sequence[str]) -> str:
    return f"INSERT INTO SALES.{table} VALUES {', '.join(rows)}"  # noqa: S608 -- its own tables and rows


class Till(Staff):
    """It rings: a sale every now and then."""

    def __init__(self, system: OrderSystem) -> None:
        super().__init__("till", RATE)
        self._system = system
        self.failure: Exception | None = None

    def step(self) -> None:
        try:
            self._system.sell()
        except (DatabaseError, OSError) as error:
            self.failure = error
            self._closed.set()
