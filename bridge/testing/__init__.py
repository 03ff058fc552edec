"""What tests, benchmarks, the demo and plugin authors share: real peers, fakes, the conformance suite."""

from __future__ import annotations

import os
from typing import NoReturn


def need(reason: str) -> NoReturn:
    """End a test that lacks something: skipped, but failed in CI (CI=true), where all must be there."""
    import pytest

    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have it: {reason}", pytrace=False)
    pytest.skip(reason)
