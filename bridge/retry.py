"""How long to wait after the n-th failure in a row; the waiting itself is the caller's, and interruptible."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, wait_combine, wait_fixed, wait_random_exponential

FLOOR_S = 0.25
CAP_S = 60.0

_WAIT = wait_combine(wait_fixed(FLOOR_S), wait_random_exponential(multiplier=0.5, max=CAP_S - FLOOR_S))
_POLICY = Retrying(wait=_WAIT)


def delay(failures: int, retry_after: float | None = None) -> float:
    """Seconds before the next attempt: exponential with full jitter, a floor of 0.25 s and a cap of 60 s.

    `retry_after` is what the source asked for; it counts as the least, within the cap.
    """
    state = RetryCallState(_POLICY, fn=None, args=(), kwargs={})
    state.attempt_number = max(1, failures)
    return min(CAP_S, max(_WAIT(state), retry_after or 0.0))
