"""`python -m bridge.testing.oracle`: a simulated Oracle Database with a small order system in it."""

from __future__ import annotations

import argparse
import signal
from threading import Event, Thread

from bridge.testing.oracle.orders import Orders
from bridge.testing.oracle.server import RELEASES, OraclePeer

parser = argparse.ArgumentParser(prog="python -m bridge.testing.oracle", description=__doc__)
parser.add_argument("port", type=int, nargs="?", default=0, help="default: one that is free")
parser.add_argument("--orders", type=int, default=200, help="those there are at first")
parser.add_argument("--rate", type=float, default=5, help="transactions a second; 0: nobody works")
parser.add_argument("--release", choices=list(RELEASES), default="23")
given = parser.parse_args()
stop = Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: stop.set())
with OraclePeer(port=given.port, release=given.release) as peer:
    orders = Orders(peer.store, given.orders)
    print(f"{peer.dsn}, user {peer.user}, password {peer.password}", flush=True)  # noqa: T201
    if given.rate:
        Thread(target=orders.work, args=(stop, given.rate), daemon=True).start()
    stop.wait()
