"""The customers of the host: made up, the same in every run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

FIRST_NAMES = (
    "ADA",
    "BRAM",
    "CLARA",
    "DORA",
    "EMIL",
    "FRIDA",
    "GRETA",
    "HUGO",
    "INES",
    "JONAS",
    "KLARA",
    "LEO",
)
LAST_NAMES = (
    "ABEL",
    "BERGER",
    "CLAASEN",
    "DIETZ",
    "EBERT",
    "FRANK",
    "GROSS",
    "HAHN",
    "IMHOF",
    "JANSEN",
    "KRAUS",
)
CITIES = ("BREMEN", "HAMBURG", "KASSEL", "LEIPZIG", "MUENSTER", "ULM", "WISMAR")
STATUSES = ("ACTIVE", "ACTIVE", "ACTIVE", "BLOCKED", "CLOSED")


@dataclass(frozen=True, slots=True)
class Customer:
    """One row of the host's file; `mark` counts its changes."""

    id: str
    name: str
    city: str
    balance: Decimal
    limit: Decimal
    status: str
    opened: date
    mark: int = 1

    @property
    def pin(self) -> str:
        """What the detail screen holds in a hidden field, and nobody may ever publish."""
        return f"HIDDENPIN{self.id}"


def customer(number: int) -> Customer:
    turn = number // 10 + number % 10 * 3
    return Customer(
        id=f"{number:08}",
        name=f"{LAST_NAMES[turn % 11]}, {FIRST_NAMES[turn % 12]}",
        city=CITIES[turn % 7],
        balance=Decimal((turn * 79_193 % 2_000_003) - 1_000_000) / 100,
        limit=Decimal(turn % 50 * 12_345) / 100,
        status=STATUSES[turn % 5],
        opened=date(1960, 1, 1) + timedelta(days=turn * 83 % 22_000),
    )


def customers(count: int = 300) -> dict[str, Customer]:
    """Numbers 10, 20, 30...: there is room to insert between any two."""
    return {made.id: made for made in map(customer, range(10, 10 * count + 1, 10))}
