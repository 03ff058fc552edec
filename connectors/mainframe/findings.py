"""What `doctor` is told: where the maps leave a screen in doubt, and files that give no keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bridge.contract import Finding, Level
from connectors.mainframe import key_files
from connectors.mainframe.config import KeyFile, MainframeConfig
from connectors.mainframe.readings import InquiryReading, ListReading, Reading


def findings(config: MainframeConfig, readings: Mapping[str, Reading]) -> Sequence[Finding]:
    return (*_of_the_connector(config), *(each for one in readings.values() for each in _of(one)))


def _of_the_connector(config: MainframeConfig) -> Iterator[Finding]:
    lus = f", {len(config.lu)} LUs" if config.lu else ""
    yield Finding(Level.OK, f"{config.address}: logged on, {config.sessions} sessions at most{lus}")
    if not config.tls:
        yield Finding(
            Level.WARNING,
            f"{config.address}: passwords and screens go over the network in clear",
            "set `tls`, and the port that the host has for it",
        )
    if config.logon and not config.refused:
        yield Finding(
            Level.WARNING,
            "the log-on names no screens that refuse the account",
            "map the screens of an expired password and a locked account, and name them under `refused`",
        )


def _of(reading: Reading) -> Iterator[Finding]:
    if isinstance(reading, ListReading) and not reading.list.end:
        yield Finding(
            Level.WARNING,
            f"screen {reading.options.screen} has no marker of the list's end: deletes are not seen",
            "give its table an `end`",
            reading.stream.name,
        )
    if isinstance(reading, InquiryReading) and isinstance(reading.options.keys, KeyFile):
        yield from key_files.doubts(reading.options.keys.file, reading.options.key, reading.stream.name)
