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


@pytest.mark.parametrize("module", ["bridge.supervisor", "bridge.worker"])
def test_processes_that_run_for_years_load_no_terminal_colours(module: str) -> None:
    code = (
        "import sys; from bridge.lean import leave_out_rich; leave_out_rich();"
        f"import {module}; print(*sys.modules); import rich.console"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"rich", "pygments"} & set(done.stdout.split()) == set()
