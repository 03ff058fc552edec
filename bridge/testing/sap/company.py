"""A system with something in it: customers, orders, and a table of every type."""

from __future__ import annotations

from bridge.testing.sap import deep, tables
from bridge.testing.sap.customers import Customers
from bridge.testing.sap.system import System


class Company:
    """One system and what is in it."""

    def __init__(self, *, customers: int = 300, release: str = "758", client: str = "100") -> None:
        self.system = System(release=release, client=client)
        self.customers = Customers(self.system)
        self.customers.load(customers)
        self.orders = deep.Orders(20)
        for function, body in deep.functions(self.orders):
            self.system.install(function, body)
        tables.load_types(self.system, 100)
        self.system.define(tables.with_strings())
