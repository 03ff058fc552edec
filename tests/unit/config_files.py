"""Configuration files of one connector."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def config_file(folder: Path, connector: Mapping[str, Any]) -> Path:
    """With no more in it than is needed; the connector is `erp`."""
    kafka = {"bootstrap.servers": "h:1"}
    file = folder / "bridge.yaml"
    file.write_text(
        json.dumps({"version": 1, "name": "t", "kafka": kafka, "connectors": {"erp": {**connector}}})
    )
    return file
