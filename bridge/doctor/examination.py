"""One connector looked at in a process of its own: `-m bridge.doctor.examination CONFIG CONNECTOR EXTENT`.

EXTENT `source` leaves Kafka alone, `whole` also judges positions and topics. Prints one JSON document.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bridge import config, kafka, plugins, positions, rehearsal, sources, state
from bridge.admission import Lane, Route, columns_of, topics_of
from bridge.config.options import ConnectorSettings, OnMissing, Settings
from bridge.contract import Caveat, Connector, Finding, Level, Stream
from bridge.doctor import Line
from bridge.ends import die_with_parent
from bridge.errors import ANOTHER_MODE, BridgeError, ConfigError
from bridge.policy import Policy
from bridge.positions import Ledger, Stored
from bridge.progress import Progress, is_keyed, today
from bridge.redact import Redactor
from bridge.topics import Topics, Wanted, compacted, create_command, dead_letters, internal

SPARE = 10
"""So many polls may fail before the source forgets what was not read."""
CAVEATS = {
    Caveat.NO_DELETES: "does not see deletes",
    Caveat.MAY_MISS: "may miss changes",
    Caveat.COLLAPSES: "sees only the last of several changes of a row between two polls",
}


class Examination:
    """Collects findings; every step that fails is one, and ends those that build on it."""

    def __init__(self, settings: Settings, connector: str) -> None:
        self._settings, self._name = settings, connector
        self._options: ConnectorSettings = settings.connectors[connector]
        self._redactor = Redactor(())
        self.findings: list[Finding] = []
        self.topics: list[str] = []

    def source(self) -> None:
        """Secrets, connection, streams, and what the connector itself has to say."""
        self._run(None, self._source)

    def whole(self) -> None:
        """The same, then positions and topics as the engine would judge them."""
        self._run(None, lambda: self._source(self._kafka))

    def report(self) -> dict[str, Any]:
        order = list(dict.fromkeys((None, *(each.stream for each in self.findings))))
        together = sorted(self.findings, key=lambda each: order.index(each.stream))
        lines = [Line.of(self._about(each), each) for each in together]
        return {"lines": [self._redactor.clean(list(line)) for line in lines], "topics": self.topics}

    def _about(self, finding: Finding) -> str:
        return f"{self._name}/{finding.stream}" if finding.stream else self._name

    def _run(self, stream: str | None, step: Any) -> None:
        try:
            step()
        except BridgeError as error:
            self.findings.append(Finding(Level.CRITICAL, error.text, error.remedy, stream))

    def _say(self, text: str, level: Level = Level.OK, remedy: str = "", stream: str | None = None) -> None:
        self.findings.append(Finding(level, text, remedy, stream))

    def _secrets(self) -> None:
        found = list(plugins.secrets(plugins.configure(self._options).config))
        for secret in found:
            secret.reveal()
        if found:
            self._say(f"secrets can be read: {', '.join(secret.reference for secret in found)}")

    def _source(self, and_then: Any = None) -> None:
        self._secrets()
        began = time.monotonic()
        with sources.opened(self._settings, self._name) as (source, self._redactor):
            self._say(f"connected in {time.monotonic() - began:.1f} s")
            streams = source.discover()
            self._streams(streams)
            if and_then is None:  # else they are judged with the positions
                self._excluded(streams)
            self._deadlines(source, streams)
            self.findings += source.check()
            self._retention(source)
            if and_then is not None:
                self._run(None, lambda: and_then(source, streams))

    def _streams(self, streams: Sequence[Stream]) -> None:
        if not streams:
            self._say("no stream was found", Level.WARNING, "see `streams:`; a pattern may match nothing")
        else:
            self._unfit([stream.name for stream in streams])
        for stream in streams:
            for caveat in sorted(stream.caveats):
                self._say(f"the way it is read {CAVEATS[caveat]}", stream=stream.name)

    def _excluded(self, streams: Sequence[Stream]) -> None:
        """As far as can be said without knowing what columns there were."""
        columns = columns_of(self._options, streams, {})
        for stream in streams:
            policy = Policy(self._options.stream(stream.name))
            try:
                policy.check(stream.tables, columns[self._options.entry(stream.name)])
            except ConfigError as error:
                self._say(error.text, Level.WARNING, error.remedy, stream.name)

    def _unfit(self, names: Sequence[str]) -> None:
        """Entries of `streams:` of which nobody would hear: others find streams."""
        for pattern in self._options.unfit(names):
            nearly = next((name for name in names if fnmatchcase(name.lower(), pattern.lower())), None)
            remedy = (
                f"did you mean {nearly}?" if nearly else "check its spelling; what comes later is found then"
            )
            self._say("this entry of `streams:` fits nothing that is there", Level.WARNING, remedy, pattern)

    def _deadlines(self, source: Connector, streams: Sequence[Stream]) -> None:
        """A poll that is interrupted before the source gives up says less of what is wrong."""
        longest = source.answers_within_s or 0
        deadlines = {each.name: self._options.stream(each.name).deadline for each in streams}
        if short := [name for name, deadline in deadlines.items() if deadline <= longest]:
            self._say(
                f"a poll ends at its deadline of {deadlines[short[0]]:g} s, but the connector's own time-out"
                f" for the source is {longest:g} s ({len(short)} of {len(streams)} streams)",
                remedy="to hear why a source is slow, have that time-out end first",
            )

    def _retention(self, source: Connector) -> None:
        """Whether the source keeps changes for long enough, also when nobody polls for a while."""
        now = datetime.now(UTC)
        for stream, kept in source.keeps.items():
            options = self._options.stream(stream)
            between = options.cron.longest_s(now) if options.cron else options.interval
            quiet = options.quiet_hours.longest_s(now) if options.quiet_hours else 0.0
            hours = f", and not in {quiet / 60:g} minutes of quiet hours" if quiet else ""
            text = f"the source keeps {kept / 60:g} minutes of changes; polled each {between:g} s{hours}"
            if (wanted := quiet + SPARE * between) < kept:
                self._say(text, stream=stream)
                continue
            level = Level.WARNING if quiet + between < kept else Level.CRITICAL
            remedy = f"poll it oftener, or have changes kept for {wanted / 60:.0f} minutes at least"
            self._say(text, level, remedy, stream)

    # -- positions and topics

    def _kafka(self, source: Connector, streams: Sequence[Stream]) -> None:
        topics = rehearsal.Assumed(self._settings.kafka, self._settings.topics)
        own = list(internal(positions.topic(self._name), dead_letters(self._name)))
        if any(is_keyed(stream, self._options.stream(stream.name)) for stream in streams):
            own.append(compacted(state.topic(self._name)))
        names = dict.fromkeys(self._event_topics(streams))
        events = [Wanted(name, self._settings.topics.partitions) for name in names]
        self.topics = [topic.name for topic in (*own, *events)]
        if self._creates_none:
            self._run(None, lambda: self._missing(topics, [*own, *events]))
        self._run(None, lambda: self._own_topics(topics, own))
        ledger = rehearsal.stored(self._settings, self._name)
        self._run(None, self._state)
        if ledger.owner and not ledger.owner.released:
            self._say(f"held by daemon {ledger.owner.name} on {ledger.owner.host}")
        for progress, lane in self._admitted(source, streams, ledger):
            self._stream(source, progress, lane, ledger)

    def _state(self) -> None:
        """Whether what is known of rows is still there."""
        if not rehearsal.topic_lacks_state(self._settings, self._name):
            return
        text = f"topic {state.topic(self._name)} does not hold the state that the positions speak of"
        if rehearsal.cache_has_state(self._settings, self._name):
            self._say(f"{text}; the daemon fills it again from its cache here", Level.WARNING)
        else:
            remedy = "see `positions accept`; on a machine whose `daemon.state_dir` has it, all is well"
            self._say(f"{text}, nor has a cache here: would be parked", Level.CRITICAL, remedy)

    def _stream(self, source: Connector, progress: Progress, lane: Lane | None, ledger: Ledger) -> None:
        name = progress.stream.name
        if lane is None:
            self._park(name, str(progress.parked))
            return
        if any(each.stream == name and each.level is Level.CRITICAL for each in self.findings):
            return  # it will come to nothing
        if progress.paused:
            self._say(f"paused by {progress.paused}", Level.WARNING, "`resume` when it may go on", name)
        stored = ledger.streams.get(name)
        if stored is None or stored.position is None:
            self._say("starts from the beginning", stream=name)
        elif self._fits(source, name, stored):
            self._say("goes on from its stored position", stream=name)
        if lane.follows:
            self._say_what_a_rescan_finds(name, stored)
        for route in lane.routes.values():
            if not (route.created and self._creates_none):
                self._say(_route(route), stream=name)

    def _fits(self, source: Connector, stream: str, stored: Stored) -> bool:
        """Whether the way it is read can go on from there, as far as the position alone tells."""
        try:
            source.check_position(stream, today(source, stored.position, stored.version))
        except BridgeError as error:
            text = f"would be parked: its stored position does not fit: {error.text}"
            form = f"; {error.remedy}" if error.remedy else ""
            self._say(text, Level.CRITICAL, f"{ANOTHER_MODE}{form}", stream)
            return False
        return True

    def _say_what_a_rescan_finds(self, stream: str, stored: Stored | None) -> None:
        if stored is None or stored.keyed:
            self._say("what is known of its rows is kept, for a rescan after a gap", stream=stream)
        elif stored.position is not None:
            self._say(
                "on_gap: rescan counts from the next start on: of what was published before, a rescan repeats"
                " all that has not changed since, and finds no deletes",
                Level.WARNING,
                "where that matters, rewind the stream to its start when its consumers can bear it",
                stream,
            )

    def _admitted(
        self, source: Connector, streams: Sequence[Stream], ledger: Ledger
    ) -> list[tuple[Progress, Lane | None]]:
        return rehearsal.admitted(self._settings, self._name, source, streams, ledger, rehearsal.Assumed)

    @property
    def _creates_none(self) -> bool:
        return self._settings.topics.on_missing is OnMissing.REQUIRE

    def _missing(self, topics: Topics, wanted: Sequence[Wanted]) -> None:
        """All at once, so that they can be created at once."""
        there = topics.partitions(each.name for each in wanted)
        missing = [each for each in wanted if each.name not in there]
        replication, tools = self._settings.topics.replication, kafka.tools(self._settings.kafka)
        commands = "; ".join(create_command(each, replication, tools) for each in missing)
        if missing:
            names = ", ".join(each.name for each in missing)
            self._say(f"topics are missing: {names}", Level.CRITICAL, f"create them: {commands}")

    def _own_topics(self, topics: Topics, own: Sequence[Wanted]) -> None:
        for topic, described in topics.ensure(own).items():
            if not described.created:
                self._say(f"topic {topic} is as it must be")
            elif not self._creates_none:
                self._say(f"topic {topic} will be created")

    def _park(self, stream: str, reason: str) -> None:
        """What is wrong with the stream's options was told before."""
        told = (f"{each.text}; {each.remedy}" for each in self.findings if each.stream == stream)
        if reason not in told:
            self._say(f"would be parked: {reason}", Level.CRITICAL, stream=stream)

    def _event_topics(self, streams: Sequence[Stream]) -> Iterator[str]:
        """But for names that cannot be, which admission tells."""
        for stream in streams:
            with suppress(ConfigError):
                yield from topics_of(self._options, self._settings.topics, stream).values()


def _route(route: Route) -> str:
    count = f"{route.partitions} partition{'s' * (route.partitions != 1)}"
    if route.created:
        return f"topic {route.topic} will be created with {count}"
    return f"topic {route.topic}: {count}; an event above {route.max_bytes:,} bytes becomes a dead letter"


def main(words: Sequence[str]) -> None:
    die_with_parent()  # a source that does not answer would hold it for long after nobody waits
    path, connector, extent = words
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what drivers print is no finding
    examination = Examination(config.load(Path(path)), connector)
    (examination.whole if extent == "whole" else examination.source)()
    json.dump(examination.report(), answers)
    answers.close()


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(0)  # a JVM, or a driver's threads, must not hold up the end
