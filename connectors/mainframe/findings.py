"""What `doctor` is told: where the maps leave a screen in doubt, and files that give no keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bridge.contract import Finding, Level
from bridge.errors import BridgeError
from connectors.mainframe import key_files
from connectors.mainframe.config import KeyFile, MainframeConfig
from connectors.mainframe.maps import Rule, ScreenMap, Table
from connectors.mainframe.readings import InquiryReading, ListReading, Reading


def findings(
    config: MainframeConfig, readings: Mapping[str, Reading], away: BridgeError | None = None
) -> Sequence[Finding]:
    """`away`: why `home` is not reached."""
    return (*_of_the_connector(config, away), *(each for one in readings.values() for each in _of(one)))


def _of_the_connector(config: MainframeConfig, away: BridgeError | None) -> Iterator[Finding]:
    lus = f", {len(config.lu)} LUs" if config.lu else ""
    if away:
        yield Finding(Level.CRITICAL, away.text, away.remedy)
    else:
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
    name, options = reading.stream.name, reading.options
    if isinstance(reading, ListReading) and not reading.list.tells_its_end:
        yield Finding(
            Level.WARNING,
            f"screen {options.screen} has no marker of the list's end: deletes are not seen",
            "give its table an `end`, or its `page` the last one's number",
            name,
        )
    if isinstance(reading, ListReading) and _ends_anywhere(reading.list):
        yield Finding(
            Level.WARNING,
            f"screen {options.screen} has an `end` for any line: a page with that text in it ends the list",
            "give the marker its `row`, or the table its `more`, which then must be gone",
            name,
        )
    if (screen := _tells_no_key(reading)) is not None:
        yield Finding(
            Level.WARNING,
            f"screen {screen} shows no {', '.join(reading.table.key)}: another row's could be taken for it",
            "map the key on it, under the key's name",
            name,
        )
    if any(isinstance(sign, Rule) and sign.row is None for sign in _missing(reading)):
        yield Finding(
            Level.WARNING,
            "`missing` has a marker for any line: a value with that text in it deletes its row",
            "give the marker its `row`",
            name,
        )
    if isinstance(reading, InquiryReading) and isinstance(reading.options.keys, KeyFile):
        yield from key_files.doubts(reading.options.keys.file, reading.options.key, name)


def _ends_anywhere(table: Table) -> bool:
    """And nothing contradicts it."""
    counted = table.page is not None and table.page.tells_the_last
    return not (table.more or counted) and any(rule.row is None for rule in table.end)


def _tells_no_key(reading: Reading) -> str | None:
    """The screen that is asked for by a key, if it shows nothing of that."""
    if isinstance(reading, InquiryReading):
        known = {*reading.table.key, *reading.filled}
        return None if known & _shown(reading.map) else reading.options.screen
    detail, map_ = reading.options.detail, reading.detail
    return detail.screen if detail and map_ and not _shown(map_) & {*reading.table.key} else None


def _shown(screen_map: ScreenMap) -> set[str]:
    """What is hidden is compared with nothing."""
    return {name for name, each in screen_map.fields.items() if not each.hidden}


def _missing(reading: Reading) -> Sequence[str | Rule]:
    if isinstance(reading, InquiryReading):
        return reading.options.missing
    return reading.options.detail.missing if reading.options.detail else ()
