"""`python -m bridge.testing.mainframe`: the host, to be looked at with any 3270 emulator."""

from __future__ import annotations

import argparse
from contextlib import suppress
from threading import Event

from bridge.testing.mainframe.host import Host

parser = argparse.ArgumentParser(prog="python -m bridge.testing.mainframe", description=__doc__)
parser.add_argument("port", type=int, nargs="?", default=0, help="default: one that is free")
parser.add_argument("--customers", type=int, default=300)
parser.add_argument("--delay-ms", type=float, default=0, help="before each screen")
given = parser.parse_args()
with Host(port=given.port, count=given.customers) as host, suppress(KeyboardInterrupt):
    host.switches.delay_ms = given.delay_ms
    print(f"127.0.0.1:{host.port}, user {host.user}, password {host.password}", flush=True)  # noqa: T201
    Event().wait()
