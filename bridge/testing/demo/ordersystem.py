"""The legacy system of the demo: an order system of 2005 in H2, with twenty years of rows and a till that rings."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

from bridge.testing.databases import DatabaseError, H2Server

TABLES = ("CUSTMAST", "ORDHDR", "ORDLIN", "PAYMT")
LINES_AN_ORDER = 3
CUSTOMERS, ORDERS = 1_500, 20_000
PAUSE_S = 0.25
ORDERS_A_TICK = 10

CREATE = """
SET AUTOCOMMIT FALSE;
CREATE SCHEMA SALES;
CREATE TABLE SALES.CUSTMAST (
  CUSNO NUMERIC(7) PRIMARY KEY, NAME CHAR(24) NOT NULL, CITY CHAR(16), CRLIMIT NUMERIC(11,2), SINCE DATE,
  CLERK CHAR(8));
CREATE TABLE SALES.ORDHDR (
  ORDNO NUMERIC(9) PRIMARY KEY, CUSNO NUMERIC(7) NOT NULL, ORDDAT DATE NOT NULL, STATUS CHAR(2) NOT NULL,
  CURR CHAR(3) NOT NULL, TOTAL NUMERIC(13,2), CLERK CHAR(8), CRTTS TIMESTAMP(3));
CREATE TABLE SALES.ORDLIN (
  LINNO NUMERIC(10) PRIMARY KEY, ORDNO NUMERIC(9) NOT NULL, POS NUMERIC(3) NOT NULL, ARTNO CHAR(12) NOT NULL,
  QTY NUMERIC(9,3), PRICE NUMERIC(11,4));
CREATE TABLE SALES.PAYMT (
  PAYNO NUMERIC(9) PRIMARY KEY, ORDNO NUMERIC(9) NOT NULL, AMOUNT NUMERIC(13,2), METHOD CHAR(4), VALDAT DATE,
  REMARK VARCHAR(60));
COMMIT;
"""
"""No sequence, no trigger, no log to read: numbers from a counter, codes padded to their width."""

CITIES = ("Hamburg", "Łódź", "Göteborg", "Århus", "Lyon", "Bilbao", "Gdańsk", "Basel")
CLERKS = ("MEIER", "KOWALSKI", "JENSEN", "BATCH01")
METHODS = ("CASH", "WIRE", "CARD", "CHEQ")
REMARKS = ("NULL", "NULL", "NULL", "'paid twice, see letter'", "'Skonto 2 %, \"wie immer\"'")


class OrderSystem:
    """Writes rows, from one thread at a time, as one old program with one connection does."""

    def __init__(self, database: H2Server) -> None:
        self._database = database
        self._chance = random.Random(2005)
        self._lock = Lock()
        self._next = Counter(dict.fromkeys(TABLES, 1))
        self.rows: Counter[str] = Counter()
        """Committed rows by table."""

    def create(self) -> None:
        """The tables, and what twenty years have left in them."""
        self._database.execute(CREATE)
        self._commit(_customers(1, CUSTOMERS), {"CUSTMAST": CUSTOMERS})
        self.batch_run(ORDERS)

    def batch_run(self, orders: int) -> int:
        """That many orders in one transaction, as a night's batch makes them; the number of rows."""
        added = {"ORDHDR": orders, "ORDLIN": orders * LINES_AN_ORDER, "PAYMT": orders}
        with self._lock:
            first, line, payment = (self._next[table] for table in ("ORDHDR", "ORDLIN", "PAYMT"))
            self._commit(_orders_in_bulk(first, line, payment, orders), added)
        return sum(added.values())

    def sell(self) -> None:
        """A few orders with their lines and payments, now and then a new customer: one transaction."""
        with self._lock:
            added = Counter[str]()
            statements = list(self._sales(added))
            self._commit(statements, added)

    def _sales(self, added: Counter[str]) -> Iterator[str]:
        count = self._chance.randint(1, 2 * ORDERS_A_TICK)
        orders = range(self._next["ORDHDR"], self._next["ORDHDR"] + count)
        yield self._insert("ORDHDR", [self._order(number) for number in orders], added)
        lines = [
            (order, position + 1)
            for order in orders
            for position in range(self._chance.randint(1, 2 * LINES_AN_ORDER))
        ]
        first = self._next["ORDLIN"]
        rows = [self._line(first + number, *place) for number, place in enumerate(lines)]
        yield self._insert("ORDLIN", rows, added)
        first = self._next["PAYMT"]
        yield self._insert(
            "PAYMT", [self._payment(first + n, order) for n, order in enumerate(orders)], added
        )
        if self._chance.random() < 0.5:
            yield self._insert("CUSTMAST", [self._customer(self._next["CUSTMAST"])], added)

    def _insert(self, table: str, rows: Sequence[str], added: Counter[str]) -> str:
        added[table] += len(rows)
        return f"INSERT INTO SALES.{table} VALUES {', '.join(rows)}"

    def _order(self, number: int) -> str:
        now = datetime.now(UTC)
        total = f"{self._chance.uniform(5, 4000):.2f}"
        customer, clerk = self._chance.randrange(1, self._next["CUSTMAST"]), self._chance.choice(CLERKS)
        stamp = now.isoformat(" ", "milliseconds")[:23]
        return f"({number}, {customer}, DATE '{now:%Y-%m-%d}', 'NW', 'EUR', {total}, '{clerk}', TIMESTAMP '{stamp}')"

    def _line(self, number: int, order: int, position: int) -> str:
        article = f"A{self._chance.randrange(10**6):06d}-X"
        quantity, price = self._chance.randrange(1, 9_000) / 1000, self._chance.randrange(10**7) / 10_000
        return f"({number}, {order}, {position}, '{article}', {quantity:.3f}, {price:.4f})"

    def _payment(self, number: int, order: int) -> str:
        due = datetime.now(UTC) + timedelta(days=self._chance.randrange(30))
        amount, method = f"{self._chance.uniform(5, 4000):.2f}", self._chance.choice(METHODS)
        return f"({number}, {order}, {amount}, '{method}', DATE '{due:%Y-%m-%d}', {self._chance.choice(REMARKS)})"

    def _customer(self, number: int) -> str:
        limit, clerk = f"{self._chance.randrange(100) * 500:.2f}", self._chance.choice(CLERKS)
        return (
            f"({number}, 'Kunde {number}', '{self._chance.choice(CITIES)}', {limit}, CURRENT_DATE, '{clerk}')"
        )

    def _commit(self, statements: Sequence[str], added: dict[str, int]) -> None:
        self._database.execute("".join(f"{statement};\n" for statement in (*statements, "COMMIT")))
        self._next.update(added)
        self.rows.update(added)


def _customers(first: int, count: int) -> list[str]:
    return [
        "INSERT INTO SALES.CUSTMAST SELECT X, 'Kunde ' || X, 'Bremen', MOD(X, 90) * 500, "
        f"DATEADD(DAY, MOD(X, 7000), DATE '2005-01-03'), 'BATCH01' FROM SYSTEM_RANGE({first}, {count})"
    ]


def _orders_in_bulk(order: int, line: int, payment: int, count: int) -> list[str]:
    each, last = LINES_AN_ORDER, count - 1
    day = f"DATEADD(DAY, CAST(X * 7300 / {count} AS INT), DATE '2005-01-03')"
    return [
        f"INSERT INTO SALES.ORDHDR SELECT {order} + X, 1 + MOD(X * 7919, {CUSTOMERS}), {day}, 'CL', 'EUR', "
        f"MOD(X * 104729, 400000) / 100.0, 'BATCH01', DATEADD(SECOND, MOD(X, 86400), CAST({day} AS TIMESTAMP)) "
        f"FROM SYSTEM_RANGE(0, {last})",
        f"INSERT INTO SALES.ORDLIN SELECT {line} + X, {order} + X / {each}, 1 + MOD(X, {each}), "
        f"'A' || LPAD(MOD(X * 611953, 1000000), 6, '0'), 1 + MOD(X, 9000) / 1000.0, MOD(X * 15485863, 9999999) / 10000.0 "
        f"FROM SYSTEM_RANGE(0, {count * each - 1})",
        f"INSERT INTO SALES.PAYMT SELECT {payment} + X, {order} + X, MOD(X * 104729, 400000) / 100.0, 'WIRE', "
        f"DATEADD(DAY, 14, {day}), NULL FROM SYSTEM_RANGE(0, {last})",
    ]


class Till:
    """The thread that rings: sales every quarter of a second, from `open` to `close`."""

    def __init__(self, system: OrderSystem) -> None:
        self._system = system
        self._closed = Event()
        self._thread: Thread | None = None
        self.failure: Exception | None = None

    def open(self) -> None:
        self._closed.clear()
        self._thread = Thread(target=self._ring, name="till", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _ring(self) -> None:
        while not self._closed.wait(PAUSE_S):
            try:
                self._system.sell()
            except (DatabaseError, OSError) as error:
                self.failure = error
                return
