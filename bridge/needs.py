"""What connectors need of their accounts' sessions: they say it themselves, before they connect to anything.

`-m bridge.needs` is a process of its own, for a connector's module may import anything: it reads connectors
as JSON, and writes a line for each that counts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bridge import plugins
from bridge.config.options import ConnectorSettings
from bridge.config.problems import Fault
from bridge.contract import Level, Sessions
from bridge.ends import die_with_parent
from bridge.turnstile import Need, Needs

if TYPE_CHECKING:
    from bridge.config.reading import Reading

type Connectors = Mapping[str, ConnectorSettings]


def limited(connectors: Connectors) -> bool:
    """Whether anybody has to be asked at all."""
    return any(each.max_sessions is not None for each in connectors.values())


def said(connectors: Connectors) -> Iterator[tuple[str, Sessions]]:
    """By each connector that has an account; one that cannot be made connects to nothing either."""
    for name, settings in connectors.items():
        try:
            sessions = plugins.configure(settings).sessions
        except (Exception, SystemExit):  # noqa: BLE001, S112 -- its worker meets it, too, and tells
            continue
        if sessions is not None:
            yield name, sessions


def counted(connectors: Connectors, told: Mapping[str, Sessions]) -> dict[str, Need]:
    """Of the accounts that have a limit: the least that any of their connectors says."""
    limits: dict[str, int] = {}
    for name, each in told.items():
        own = connectors[name].max_sessions
        if own is not None:
            limits[each.account] = min(own, limits.get(each.account, own))
    return {
        name: Need(each.account, each.most, limits[each.account])
        for name, each in told.items()
        if each.account in limits
    }


def examine(reading: Reading) -> None:
    """Adds to a reading what can never be: connectors that wait for ever, or for as long as others run."""
    if reading.problems or not limited(reading.connectors):
        return
    told = dict(said(reading.connectors))
    found = counted(reading.connectors, told)
    accounts: dict[str, dict[str, Need]] = {}
    for name, need in found.items():
        accounts.setdefault(need.account, {})[name] = need
        if need.hopeless:
            remedy = "raise max_sessions, or have the connector take fewer"
            reading.wrong(Fault(("connectors", name), need.hopeless, remedy, about_key=True))
    for those in accounts.values():
        _crowded(reading, those)
    for name in reading.connectors.keys() - told.keys():
        path = ("connectors", name, "max_sessions")
        if path in reading.document.values:
            text = f"has no effect: the kind {reading.connectors[name].kind} does not tell its sessions"
            reading.wrong(Fault(path, text, "remove it", about_key=True, level=Level.WARNING))


def _crowded(reading: Reading, needs: Needs) -> None:
    *_, (last, need) = needs.items()
    total = sum(each.sessions for each in needs.values())
    if total > need.limit and not any(each.hopeless for each in needs.values()):
        text = f"{', '.join(needs)} take {total} sessions of {need.account}, and max_sessions is {need.limit}"
        remedy = "some will wait for as long as the others run: raise it, or move tables to one connector"
        reading.wrong(Fault(("connectors", last), text, remedy, about_key=True, level=Level.WARNING))


def parsed(lines: bytes) -> dict[str, Sessions]:
    """What `main` has written."""
    return {name: Sessions(**sessions) for name, sessions in map(json.loads, lines.splitlines())}


def main() -> None:
    die_with_parent()
    answers = os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open("w") as nowhere:  # what modules print is no answer
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    asked = json.load(sys.stdin)
    connectors = {name: ConnectorSettings.model_validate(each) for name, each in asked.items()}
    for name, sessions in said(connectors):
        print(json.dumps([name, asdict(sessions)]), file=answers, flush=True)


if __name__ == "__main__":
    main()
