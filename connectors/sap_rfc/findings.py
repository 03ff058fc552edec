"""What `doctor` says of an SAP system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.contract import Finding, Level
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.readings import Readings
from connectors.sap_rfc.system import System


def findings(config: SapConfig, system: System, readings: Readings) -> Sequence[Finding]:
    """Errors: the system's, where it cannot be reached."""
    return tuple(_all(config, system, readings))


def _all(config: SapConfig, system: System, readings: Readings) -> Iterator[Finding]:
    yield Finding(
        Level.OK, f"{system.identity} at {config.place}, release {system.release}, by {system.found}"
    )
    for name, error in readings.refused:
        yield Finding(Level.CRITICAL, error.text, error.remedy, name)
    for mode in readings.modes:
        yield from mode.probe(system)
