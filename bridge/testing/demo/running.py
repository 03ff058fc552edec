"""`python -m bridge.testing.demo.running CONFIG`: `legacy-bridge run CONFIG` with workers that can freeze."""

from __future__ import annotations

import sys
from pathlib import Path

from bridge.cli.run import daemon

if __name__ == "__main__":
    sys.exit(daemon(Path(sys.argv[1]), [sys.executable, "-m", "bridge.testing.demo.freezing"]))
