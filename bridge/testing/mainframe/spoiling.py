"""Ways to spoil a 3270 record, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from mfmock.tn3270 import datastream as ds

ORDERS = (*sorted(ds.ORDERS), 0x08, 0x0E, 0x0F, 0x00, 0xFF)
"""GE, SO, SI and what is no order, too."""

Way = Callable[[bytearray, Random], None]


def spoilt(record: bytes, seed: int) -> bytes:
    """With one to four things wrong with it."""
    chance, out = Random(seed), bytearray(record)
    for _ in range(chance.randrange(1, 5)):
        chance.choice(WAYS)(out, chance)
    return bytes(out)


def _flip(out: bytearray, chance: Random) -> None:
    if out:
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)


def _cut(out: bytearray, chance: Random) -> None:
    del out[chance.randrange(len(out) + 1) :]


def _leave_out(out: bytearray, chance: Random) -> None:
    at = chance.randrange(len(out) + 1)
    del out[at : at + chance.randrange(1, 9)]


def _put_in(out: bytearray, chance: Random) -> None:
    at = chance.randrange(len(out) + 1)
    out[at:at] = chance.randbytes(chance.randrange(1, 9))


def _put_in_order(out: bytearray, chance: Random) -> None:
    at = chance.randrange(len(out) + 1)
    out[at:at] = bytes([chance.choice(ORDERS)]) + chance.randbytes(chance.randrange(4))


def _repeat(out: bytearray, chance: Random) -> None:
    at = chance.randrange(len(out) + 1)
    out[at:at] = out[at : at + chance.randrange(1, 200)]


def _exchange_command(out: bytearray, chance: Random) -> None:
    if out:
        out[0] = chance.randrange(256)


WAYS: tuple[Way, ...] = (_flip, _cut, _leave_out, _put_in, _put_in_order, _repeat, _exchange_command)
