"""The tables of the demo's order system, and SQL that fills them in bulk."""

from __future__ import annotations

from collections.abc import Iterator

TABLES = ("CUSTMAST", "ORDHDR", "ORDLIN", "PAYMT")
LINES_AN_ORDER = 3

# H2 may drop what a long read still needs once it is 45 s old (h2database issue 4383): keep it for a day.
CREATE = """
SET RETENTION_TIME 86400000;
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

_CUSTOMERS = """
INSERT INTO SALES.CUSTMAST
SELECT X, 'Kunde ' || X, 'Bremen', MOD(X, 90) * 500, DATEADD(DAY, MOD(X, 7000), DATE '2005-01-03'), 'BATCH01'
FROM SYSTEM_RANGE(1, {count})
"""
_ORDERS = """
INSERT INTO SALES.ORDHDR
SELECT {order} + X, 1 + MOD(X * 7919, {customers}), {day}, 'CL', 'EUR', MOD(X * 104729, 400000) / 100.0,
  'BATCH01', DATEADD(SECOND, MOD(X, 86400), CAST({day} AS TIMESTAMP))
FROM SYSTEM_RANGE(0, {count} - 1)
"""
_LINES = """
INSERT INTO SALES.ORDLIN
SELECT {line} + X, {order} + X / {each}, 1 + MOD(X, {each}), 'A' || LPAD(MOD(X * 611953, 1000000), 6, '0'),
  1 + MOD(X, 9000) / 1000.0, MOD(X * 15485863, 9999999) / 10000.0
FROM SYSTEM_RANGE(0, {count} * {each} - 1)
"""
_PAYMENTS = """
INSERT INTO SALES.PAYMT
SELECT {payment} + X, {order} + X, MOD(X * 104729, 400000) / 100.0, 'WIRE', DATEADD(DAY, 14, {day}), NULL
FROM SYSTEM_RANGE(0, {count} - 1)
"""
_DAY = "DATEADD(DAY, CAST(X * 7300 / {count} AS INT), DATE '2005-01-03')"


def customers(count: int) -> str:
    """Customers from number 1."""
    return _CUSTOMERS.format(count=count)


def orders(order: int, line: int, payment: int, count: int, customers: int) -> Iterator[str]:
    """Orders over twenty years, their lines and payments, from these numbers on."""
    values = {
        "order": order,
        "line": line,
        "payment": payment,
        "count": count,
        "customers": customers,
        "each": LINES_AN_ORDER,
        "day": _DAY.format(count=count),
    }
    for statement in (_ORDERS, _LINES, _PAYMENTS):
        yield statement.format(**values)
