"""`python -m bridge.testing.mainframe [PORT]`: the host, to be looked at with any 3270 emulator."""

from __future__ import annotations

import sys
from contextlib import suppress
from threading import Event

from bridge.testing.mainframe.host import Host

with Host(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0) as host, suppress(KeyboardInterrupt):
    print(f"127.0.0.1:{host.port}, user {host.user}, password {host.password}", flush=True)  # noqa: T201
    Event().wait()
