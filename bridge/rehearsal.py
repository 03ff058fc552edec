"""What the engine would do with a connector's streams, found out without creating or writing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from bridge import cache, positions, state
from bridge.admission import Admission, Lane
from bridge.config.options import OnMissing, Settings
from bridge.contract import Connector, Stream
from bridge.images import Images
from bridge.positions import Ledger, Stored
from bridge.progress import Progress
from bridge.state import Changelog, KeyedState, Record, Seen, StateTopic
from bridge.topics import Topics, Wanted


class Rehearsal(Topics):
    """Judges topics as the engine does, but one that the broker would create counts as there, and empty."""

    _rehearsed = True


class Assumed(Rehearsal):
    """The same, and so does one that is missing and required: that is told elsewhere."""

    def _create(self, missing: list[Wanted]) -> None:
        if self._options.on_missing is not OnMissing.REQUIRE:
            super()._create(missing)


class SeenState(StateTopic):
    """The state as it is; a topic that is not there yet stays so, and counts as empty."""

    def ensure(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class NoState:
    """As it is before a connector's first start."""

    name: str = "of no use"

    def ensure(self) -> str:
        return ""

    def id(self) -> str | None:
        return None

    def seen(self) -> Seen | None:
        return None

    def read(self) -> Iterator[list[Record]]:
        return iter(())


def state_is_lost(settings: Settings, connector: str) -> bool:
    """Whether the state is neither in its topic nor in a cache here. The daemon may run meanwhile."""
    return topic_lacks_state(settings, connector) and not cache_has_state(settings, connector)


def topic_lacks_state(settings: Settings, connector: str) -> bool:
    """Whether the state's topic is not what the positions speak of."""
    kept = stored(settings, connector).state
    if kept is None:
        return False
    found = StateTopic(settings.kafka, connector, Topics(settings.kafka, settings.topics)).seen()
    return not (found and found.holds(kept)) and stored(settings, connector).state == kept


def cache_has_state(settings: Settings, connector: str) -> bool:
    """Whether the next start on this machine can fill the topic again."""
    kept = stored(settings, connector).state
    return kept is not None and cache.has(state.cache_of(settings.daemon, connector), kept.stamp)


def seen_state(settings: Settings, connector: str) -> Changelog:
    return SeenState(settings.kafka, connector, Topics(settings.kafka, settings.topics))


@contextmanager
def images(changelog: Changelog) -> Iterator[Images]:
    """What compares as the engine would, with a cache that is gone afterwards. Errors: TransientError."""
    with TemporaryDirectory(prefix="legacy-bridge-") as folder:
        found = Images(KeyedState(changelog, Path(folder) / "state", Event()))
        try:
            found.align(None, lambda: None)
            yield found
        finally:
            found.close()


def stored(settings: Settings, connector: str) -> Ledger:
    """The connector's records, seen without fencing anybody; none where there is no topic yet."""
    return positions.known(settings.kafka, connector, Topics(settings.kafka, settings.topics))


def admitted(
    settings: Settings,
    connector: str,
    source: Connector,
    streams: Sequence[Stream],
    ledger: Ledger,
    judge: type[Rehearsal] = Rehearsal,
) -> list[tuple[Progress, Lane | None]]:
    """As the engine would admit them at its next start; without a lane a stream would be parked."""
    topics = judge(settings.kafka, settings.topics)
    options = settings.connectors[connector]
    admission = Admission(options, topics, settings.topics, source.position_version)
    return admission.admit(streams, ledger)


def waiting(settings: Settings, connector: str, source: Connector) -> list[str]:
    """Streams that would be parked at the next start, and would not be once an operator has accepted it."""
    ledger, streams = stored(settings, connector), source.discover()
    found = admitted(settings, connector, source, streams, ledger)
    parked = [each.stream.name for each, lane in found if lane is None]
    unknown = Stored(None, settings.connectors[connector].kind, source.position_version, identity="")
    agreed = {name: replace(ledger.streams.get(name, unknown), accept=True) for name in parked}
    cured = admitted(
        settings, connector, source, streams, replace(ledger, streams={**ledger.streams, **agreed})
    )
    return [each.stream.name for each, lane in cured if lane is not None and each.stream.name in parked]
