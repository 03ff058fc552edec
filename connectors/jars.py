"""Where the jars are that a customer brings."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.errors import ConfigError

FOLDERS = (Path(__file__).parents[1] / "jars" / "lib", Path("/usr/share/legacy-bridge/jars"))


def jars_folder() -> Path | None:
    """$LEGACY_BRIDGE_JARS, else jars/lib of the checkout, else /usr/share/legacy-bridge/jars.

    Errors: ConfigError when the variable names no folder.
    """
    if named := os.environ.get("LEGACY_BRIDGE_JARS"):
        if not Path(named).is_dir():
            raise ConfigError(
                f"LEGACY_BRIDGE_JARS names {named}, which is no folder", remedy="correct it, or unset it"
            )
        return Path(named)
    return next((folder for folder in FOLDERS if folder.is_dir()), None)
