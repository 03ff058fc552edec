"""A store of customers: people who create, change and delete them, with change documents and change pointers.

Object class DEBI and message type DEBMAS: SAP Help, "Change Documents" (SCDO) and "ALE Message Types".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.testing.sap import bapis, clock
from bridge.testing.sap.change_documents import ObjectClass
from bridge.testing.sap.customer_tables import KNA1, KNB1
from bridge.testing.sap.pointers import Message
from bridge.testing.sap.system import System
from bridge.testing.sap.transactions import Transaction

CLASS = "DEBI"
MESSAGE = "DEBMAS"
_NAMES = ("Ahrens", "Böhm", "Çelik", "Dvořák", "Ernst", "Faber", "Groß", "Høyer", "Ivanov", "Jäger", "Kramer")
_CITIES = ("Bremen", "Kraków", "München", "Århus", "Genève", "León", "Łódź", "Wien")
_COUNTRIES = ("DE", "PL", "DE", "DK", "CH", "ES", "PL", "AT")
_CURRENCIES = ("EUR", "PLN", "JPY", "DKK", "CHF", "EUR", "KWD", "EUR")


class Customers:
    """The customers of one system; their tables and BAPIs are made with it."""

    def __init__(self, system: System) -> None:
        self.system = system
        for table in (KNA1, KNB1):
            if system.table(table.name) is None:
                system.define(table)
        for function, body in bapis.functions():
            system.install(function, body)
        logged = {"OBJECT": CLASS, "MULTCASE": "", "DOCUDEL": "X"}
        system.load("TCDOB", (logged | {"TABNAME": name} for name in ("KNA1", "KNB1")))
        system.classes.setdefault(CLASS, ObjectClass(CLASS, delete_fields=True))
        if not any(message.type == MESSAGE for message in system.messages):
            system.messages.append(Message(MESSAGE, CLASS))

    def load(self, count: int, *, first: int = 1) -> None:
        """Many that were always there, without documents."""
        moment = self.system.clock.now()
        self.system.load("KNA1", (self._made(number, moment) for number in range(first, first + count)))
        self.system.load(
            "KNB1", ({"KUNNR": number_text(n), "BUKRS": "1000"} for n in range(first, first + count))
        )

    @contextmanager
    def changing(
        self, number: int | str, *, user: str = "MILLER", tcode: str = "XD02"
    ) -> Iterator[Transaction]:
        """A transaction about this customer that ends with its change document."""
        with self.system.transaction(user=user, tcode=tcode) as transaction:
            yield transaction
            transaction.document(CLASS, number_text(number))

    def create(self, number: int | str, *, user: str = "MILLER", **values: Any) -> None:
        with self.changing(number, user=user, tcode="XD01") as transaction:
            insert(transaction, number, self.system.clock.now(), **values)

    def change(self, number: int | str, *, user: str = "MILLER", **values: Any) -> None:
        with self.changing(number, user=user) as transaction:
            update(transaction, number, self.system.clock.now(), **values)

    def delete(self, number: int | str, *, user: str = "MILLER") -> None:
        """As archiving or SAP's reset of customer data does; a flag for deletion is LOEVM."""
        with self.changing(number, user=user, tcode="XD06") as transaction:
            delete(transaction, number)

    def _made(self, number: int, moment: datetime) -> dict[str, Any]:
        turn = number // 10 + number % 10 * 3
        return stamped(moment) | {
            "KUNNR": number_text(number),
            "NAME1": f"{_NAMES[turn % len(_NAMES)]} & Söhne {number}",
            "LAND1": _COUNTRIES[turn % 8],
            "ORT01": _CITIES[turn % 8],
            "PSTLZ": f"{10_000 + number * 7 % 90_000}",
            "STRAS": f"Straße des {number % 31 + 1}. Mai {turn % 200}",
            "SORTL": _NAMES[turn % len(_NAMES)].upper(),
            "KTOKD": "KUNA",
            "SPRAS": "D",
            "ERDAT": clock.date(moment),
            "ERNAM": "LOAD",
            "UMSA1": Decimal(turn * 79_193 % 2_000_003 - 1_000_000) / 100,
            "UWAER": _CURRENCIES[turn % 8],
        }


def insert(transaction: Transaction, number: int | str, moment: datetime, **values: Any) -> None:
    """A customer and its data of company code 1000."""
    created = {"ERDAT": clock.date(moment), "ERNAM": transaction.user}
    defaults = {"LAND1": "DE", "KTOKD": "KUNA", "SPRAS": "D", "UWAER": "EUR"}
    named = {"KUNNR": number_text(number)}
    transaction.insert("KNA1", defaults | created | stamped(moment) | values | named)
    transaction.insert("KNB1", created | named | {"BUKRS": "1000"})


def update(transaction: Transaction, number: int | str, moment: datetime, **values: Any) -> None:
    transaction.update("KNA1", stamped(moment) | values | {"KUNNR": number_text(number)})


def delete(transaction: Transaction, number: int | str) -> None:
    named = {"KUNNR": number_text(number)}
    company = named | {"BUKRS": "1000"}
    if transaction.row("KNB1", company) is not None:
        transaction.delete("KNB1", company)
    transaction.delete("KNA1", named)


def stamped(moment: datetime) -> dict[str, str]:
    """The columns that say when a row was changed."""
    return {"UPDAT": clock.date(moment), "UPTIM": clock.time(moment)}


def number_text(number: int | str) -> str:
    """As the conversion exit ALPHA has it: ten digits, or letters as they are."""
    text = str(number)
    return text.zfill(10) if text.isdigit() else text
