"""The supervisor's process stays small: what it imports is what it costs, for years."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"pyarrow", "arro3", "confluent_kafka", "jpype", "numpy", "connectors"}


@pytest.mark.parametrize("module", ["bridge.supervisor", "bridge.api", "bridge.cli.run", "bridge.cli.health"])
def test_a_process_without_connectors_loads_no_native_driver(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()
