"""Workers that stop in mid-transaction on a cue, so that the demo can kill them there.

A worker of bridge.testing.killing reads its plan when it starts; these look before every transaction. One
that finds a cue freezes (SIGSTOP) with its records on the broker and its commit still to come.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bridge import worker
from bridge.testing.killing import PLAN_VARIABLE, Plan
from bridge.testing.mortal import KillingPublisher


class FreezingPublisher(KillingPublisher):
    def begin(self) -> None:
        plan = Path(os.environ[PLAN_VARIABLE])
        if self.death is None and plan.name == f"{self._id}.cues":  # no other connector's
            self.death = Plan(plan).take()
        super().begin()


if __name__ == "__main__":
    code = worker.main(int(sys.argv[1]), FreezingPublisher)
    sys.stderr.flush()
    os._exit(code)
