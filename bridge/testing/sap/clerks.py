"""People who work with the customers: they open accounts, change them, and close some."""

from __future__ import annotations

from random import Random
from threading import Event

from bridge.testing.sap.customers import Customers
from bridge.testing.sap.errors import Locked

_STREETS = ("Am Wall", "Große Straße", "Lindenallee", "Østergade", "Rue de l'Église")
_USERS = ("MILLER", "NOVAK", "SØRENSEN")


class Clerks:
    """One transaction after the other, each with its change document."""

    def __init__(self, customers: Customers, seed: int = 1) -> None:
        self._customers = customers
        self._random = Random(seed)
        self.numbers = [int(row["KUNNR"]) for row in customers.system.rows("KNA1") if row["KUNNR"].isdigit()]
        """Of the customers there are."""

    def work(self, stop: Event, rate: float) -> None:
        """Until told to stop: so many transactions a second."""
        while not stop.wait(1 / rate):
            self.step()

    def step(self) -> None:
        """A new customer, another address, or one customer less; nothing if somebody else has it open."""
        dice, user = self._random.random(), self._random.choice(_USERS)
        try:
            if dice < 0.3 or not self.numbers:
                self._open(user)
            elif dice < 0.85:
                self._move(user)
            else:
                self._close(user)
        except Locked:
            return

    def _open(self, user: str) -> None:
        number = max(self.numbers, default=0) + 1
        self._customers.create(number, user=user, NAME1=f"Neu {number}", **self._address())
        self.numbers.append(number)

    def _move(self, user: str) -> None:
        self._customers.change(self._random.choice(self.numbers), user=user, **self._address())

    def _close(self, user: str) -> None:
        place = self._random.randrange(len(self.numbers))
        self._customers.delete(self.numbers[place], user=user)
        del self.numbers[place]

    def _address(self) -> dict[str, str]:
        street = f"{self._random.choice(_STREETS)} {self._random.randint(1, 200)}"
        return {"STRAS": street, "PSTLZ": str(self._random.randint(10_000, 99_999))}
