"""`python -m bridge` is `legacy-bridge`."""

import sys

from bridge.cli import main

sys.exit(main())
