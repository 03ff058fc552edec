"""What an operator may do to the records of a connector's streams. Pure: from a ledger to what to write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bridge.config.options import ConnectorSettings
from bridge.contract import CONTRACT_VERSION, Connector, Position, pick
from bridge.errors import ConfigError, PermanentError
from bridge.nesting import must_be_shallow_json
from bridge.positions import STREAM, Ledger, Stored, record

SCHEMA = 1
"""Of an exported file."""
LONGEST = 80
"""Characters of a wrong position that are shown."""

type Records = dict[str, Stored]


@dataclass(frozen=True, slots=True)
class Amending:
    """One connector's settings, and the connector itself, which is not open."""

    settings: ConnectorSettings
    connector: Connector

    def moved(self, ledger: Ledger, stream: str, position: Position | None) -> Records:
        """`stream` at another position; None is the start. One without a record gets one."""
        stored = ledger.streams.get(stream) or self._new(ledger, stream)
        kind, version = self.settings.kind, self.connector.position_version
        moved = replace(stored, position=position, kind=kind, version=version, contract=CONTRACT_VERSION)
        return self.checked({stream: moved})

    def rewound(self, ledger: Ledger, stream: str, position: Position | None) -> Records:
        """As `moved`, for a stream that has been somewhere. Errors: ConfigError."""
        if stream not in ledger.streams:
            raise ConfigError(f"stream {stream} has no position", remedy=_those(ledger))
        return self.moved(ledger, stream, position)

    def accepted(self, ledger: Ledger, streams: Sequence[str]) -> Records:
        """The streams may start at their positions whatever has changed around them, or from the start."""
        known = ledger.streams
        return {name: replace(known.get(name) or self._new(ledger, name), accept=True) for name in streams}

    def configured(self, records: Records) -> Records:
        """Those of streams that the configuration names. Errors: ConfigError when that leaves none."""
        named = {stream: stored for stream, stored in records.items() if self._names(stream)}
        if not named:
            raise ConfigError(
                "of the file's streams the configuration names none "
                f"({', '.join(sorted(records)) or 'it has no stream'})",
                remedy="add them under `streams`, or import into the connector that has them",
            )
        return named

    def checked(self, records: Records) -> Records:
        """The records, if the connector knows positions like these. Errors: ConfigError.

        Those of another kind or version it cannot judge; the next start will.
        """
        today = (self.settings.kind, self.connector.position_version)
        for stream, stored in records.items():
            if stored.position is not None and (stored.kind, stored.version) == today:
                self._check(stream, stored)
        return records

    def _check(self, stream: str, stored: Stored) -> None:
        place = f"{self.settings.name}/{stream}"
        try:
            record(STREAM + stream, stored)
        except PermanentError as error:
            raise ConfigError(f"{place}: {error.text}", remedy="write a shorter one") from error
        try:
            self.connector.check_position(stream, stored.position)
        except PermanentError as error:
            text = f"{place}: {_shown(stored.position)} is no position of this stream: {error.text}"
            raise ConfigError(text, remedy=error.remedy) from error

    def _names(self, stream: str) -> bool:
        """Where the configuration names no stream at all, every table is one."""
        return not self.settings.streams or pick(self.settings.streams, stream) is not None

    def _new(self, ledger: Ledger, stream: str) -> Stored:
        """A record for a stream that has none; which database it is of, the next start will say."""
        if not self._names(stream):
            raise ConfigError(f"the configuration names no stream {stream}", remedy=_those(ledger))
        return Stored(None, self.settings.kind, self.connector.position_version, identity="", accept=True)


def exported(connector: str, ledger: Ledger, cluster: str) -> dict[str, Any]:
    """All of a connector's positions, to be kept in a file; what was agreed to once is not kept."""
    streams = {name: asdict(replace(stored, accept=False)) for name, stored in sorted(ledger.streams.items())}
    return {"schema": SCHEMA, "connector": connector, "cluster": cluster, "streams": streams}


@dataclass(frozen=True, slots=True)
class Import:
    """`beside_other_topics`: why nobody can tell whether the topics are those the positions are of."""

    records: Records
    beside_other_topics: str | None = None


def imported(text: str, name: str, connector: str, cluster: str | None, origin: str | None = None) -> Import:
    """What an exported file, named `name`, says to `connector`; it must be of that one, or of `origin`.

    `cluster`: the id of Kafka's. Errors: ConfigError.
    """
    try:
        must_be_shallow_json(text)
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"{name} is no JSON: {error}", remedy="give a file made by `positions export`"
        ) from None
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        raise ConfigError(
            f"{name} is no export of positions", remedy="give a file made by `positions export`"
        )
    if (exporter := document.get("connector")) != (origin or connector):
        raise ConfigError(
            f"{name} is of connector {exporter}, not {origin or connector}",
            remedy=f"if that is right, say so with --from {exporter}",
        )
    try:
        records = TypeAdapter(dict[str, Stored]).validate_python(document.get("streams"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("streams", *first["loc"])))
        raise ConfigError(f"{name}: {where}: {first['msg']}", remedy="export it again") from None
    # What was known of the rows stays where it was.
    records = {
        stream: replace(stored, accept=False, keyed=False, partitions={}, ids={})
        if exporter != connector  # its topics are not ours
        else replace(stored, accept=False, keyed=False)
        for stream, stored in records.items()
    }
    known = document.get("cluster")
    if exporter != connector or (known and known == cluster):
        return Import(records)
    unlike = "of another cluster" if known and cluster else "does not say of which cluster it is"
    elsewhere = {stream: replace(stored, ids={}) for stream, stored in records.items()}
    return Import(elsewhere, f"{name} {'is ' if known and cluster else ''}{unlike}")


def _shown(position: Position) -> str:
    text = json.dumps(position, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _those(ledger: Ledger) -> str:
    return f"there are: {', '.join(sorted(ledger.streams)) or 'none'}"
