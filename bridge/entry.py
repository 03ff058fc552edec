"""`python -m bridge.entry FD`: the process of one worker, from its first import to its exit."""

from __future__ import annotations

import os
import sys

from bridge.lean import keep_memory, leave_out_rich, settle_what_is_missing


def main(fd: int) -> None:
    """`fd`: our end of the supervisor's socket pair."""
    leave_out_rich()
    settle_what_is_missing()
    keep_memory()
    from bridge import worker

    code = worker.main(fd)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a JVM, or a driver's threads, must not hold up the end


if __name__ == "__main__":
    main(int(sys.argv[1]))
