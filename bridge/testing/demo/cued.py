"""`legacy-bridge run` with workers that stop in mid-transaction on a cue, for the demo to kill them there.

`python -m bridge.testing.demo.cued run CONFIG`. A worker of bridge.testing.killing reads its plan when it
starts; these look before every transaction. It freezes (SIGSTOP) with its records on the broker and its
commit still to come; what happens to it then is the demo's business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge import worker
from bridge.cli.run import daemon
from bridge.testing.killing import PLAN_VARIABLE, KillingPublisher, Plan


class CuedPublisher(KillingPublisher):
    def begin(self) -> None:
        if self.death is None:
            self.death = Plan(Path(os.environ[PLAN_VARIABLE])).take()
        super().begin()


def main(arguments: Sequence[str]) -> int:
    """`run CONFIG` is the daemon; `worker FD` is what it spawns."""
    command, argument = arguments
    if command == "run":
        return daemon(Path(argument), [sys.executable, "-m", __spec__.name, "worker"])
    return worker.main(int(argument), CuedPublisher)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
