"""What a monitoring system makes of a status document: level, one line, perfdata, reasons. Pure.

Nothing outside the standard library, so that `health` starts at once; docs/health.md describes the document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from bridge.visible import visible

STATUS_SCHEMA = 1
"""The newest status document this module can read."""
LONGEST = 400
"""Characters of one reason: monitoring systems cut long lines, and the second must be seen, too."""
MOST_REASONS = 3
MOST_NAMES = 3

type Status = Mapping[str, Any]


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def code(self) -> int:
        """The exit code of a Nagios plugin."""
        return list(Level).index(self)


BY_URGENCY = (Level.OK, Level.UNKNOWN, Level.WARNING, Level.CRITICAL)


class Reason(NamedTuple):
    """Why the level is not OK; `where`: the daemon, a connector, or `connector/stream`s."""

    level: Level
    where: str
    text: str

    def __str__(self) -> str:
        return shortened(f"{visible(self.where)} {self.text}")


class Verdict(NamedTuple):
    level: Level
    summary: str
    perfdata: str = ""
    reasons: tuple[Reason, ...] = ()

    @property
    def line(self) -> str:
        """What a Nagios plugin prints."""
        head = f"BRIDGE {self.level.upper()} - {self.summary}"
        return f"{head} | {self.perfdata}" if self.perfdata else head

    def but(self, more: Iterator[Reason]) -> Verdict:
        """With further reasons, worst first."""
        reasons = tuple(sorted((*self.reasons, *more), key=lambda each: -BY_URGENCY.index(each.level)))
        if not reasons:
            return self
        return self._replace(level=reasons[0].level, summary=_told(reasons), reasons=reasons)


SAME_VERSION = "use the daemon's own version of legacy-bridge"


class Unreadable(Exception):
    """The document is of another version or misses something, or has no such connector."""


def judge(status: Status, connector: str | None = None) -> Verdict:
    """The verdict on a daemon, or on one of its connectors. Errors: Unreadable."""
    if status.get("schema") != STATUS_SCHEMA:
        raise Unreadable(
            f"the daemon's status has schema {status.get('schema')}, this command reads {STATUS_SCHEMA}; "
            f"{SAME_VERSION}"
        )
    try:
        seen = narrowed(status, connector)
        perfdata = " ".join(_perfdata(seen, connector))
        return Verdict(Level.OK, _all_is_well(seen), perfdata).but(_reasons(seen))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"the daemon's status cannot be understood: {error!r}; {SAME_VERSION}") from None


def narrowed(status: Status, connector: str | None) -> Status:
    """The document with that connector alone. Errors: Unreadable when there is none."""
    if connector is None:
        return status
    connectors = status["connectors"]
    if connector not in connectors:
        raise Unreadable(f"no connector '{connector}'; there are: {', '.join(connectors) or 'none'}")
    return {**status, "connectors": {connector: connectors[connector]}}


# -- reasons


def _reasons(status: Status) -> Iterator[Reason]:
    if error := status["daemon"].get("reload_error"):
        yield Reason(Level.WARNING, "reload", f"refused, the old configuration is in force: {error}")
    for name, connector in status["connectors"].items():
        yield from _of_connector(name, connector)


def _of_connector(name: str, connector: Status) -> Iterator[Reason]:
    """Streams that say the same as their connector, or as each other, are told once."""
    own = Level(connector["health"])
    if own is not Level.OK:
        yield Reason(own, name, _text(connector))
    alike: dict[tuple[Level, str, str | None], dict[str, Status]] = {}
    for stream, each in connector["streams"].items():
        level = Level(each["health"])
        same = each["state"] == connector["state"] and each["error"] == connector["error"]
        if level is not Level.OK and not (same and BY_URGENCY.index(level) <= BY_URGENCY.index(own)):
            alike.setdefault((level, each["state"], each["error"]), {})[stream] = each
    for (level, _, _), streams in alike.items():
        longest = max(streams.values(), key=lambda each: float(each["state_s"]))
        yield Reason(level, _names(name, list(streams)), _text(longest))


def _names(connector: str, streams: list[str]) -> str:
    shown = [f"{connector}/{stream}" for stream in streams[:MOST_NAMES]]
    rest = len(streams) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _text(item: Status) -> str:
    lasting = item["state"] if item["state"] == "RUNNING" else f"{item['state']} for {span(item['state_s'])}"
    return f"{lasting}: {item['error']}" if item["error"] else lasting


def _told(reasons: tuple[Reason, ...]) -> str:
    rest = len(reasons) - MOST_REASONS
    told = "; also ".join(map(str, reasons[:MOST_REASONS]))
    return f"{told}; and {rest} more" if rest > 0 else told


# -- when all is well


def _all_is_well(status: Status) -> str:
    connectors = status["connectors"]
    items = list(_streams(status)) or list(connectors.values())
    kind = "streams" if any(each["streams"] for each in connectors.values()) else "connectors"
    states = Counter(str(each["state"]) for each in items)
    told = ", ".join(f"{count} {state}" for state, count in states.most_common())
    lag = longest_lag(status)
    behind = "" if lag is None else f", lag {span(lag)}"
    return f"{status['daemon']['name']}: {kind}: {told}{behind}{_again(status)}"


def _again(status: Status) -> str:
    """Resnapshots under way."""
    found = [each["resnapshot"] for each in _streams(status) if each.get("resnapshot")]
    if not found:
        return ""
    since, rows = min(each["at"] for each in found), sum(each["rows"] for each in found)
    return f", {len(found)} resnapshot{'s' * (len(found) > 1)} since {since}: {rows:,} rows so far"


def _streams(status: Status) -> Iterator[Status]:
    for connector in status["connectors"].values():
        yield from connector["streams"].values()


def longest_lag(status: Status) -> float | None:
    """Seconds since the stream that is furthest behind was up to date; None while none has been."""
    return max((each["lag_s"] for each in _streams(status) if each["lag_s"] is not None), default=None)


# -- perfdata: 'label'=value[unit];[warn];[crit];[min] (Monitoring Plugins Guidelines, 2.6)


def _perfdata(status: Status, connector: str | None) -> Iterator[str]:
    streams = list(_streams(status))
    levels = Counter(each["health"] for each in (*status["connectors"].values(), *streams))
    yield f"connectors={len(status['connectors'])};;;0"
    yield f"streams={len(streams)};;;0"
    yield f"warning={levels[Level.WARNING]};;;0"
    yield f"critical={levels[Level.CRITICAL]};;;0"
    for field in ("events", "rejects"):
        yield f"{field}={sum(each[field] for each in streams)}c;;;0"
    yield f"restarts={sum(each['restarts'] for each in status['connectors'].values())}c;;;0"
    yield f"uptime={status['daemon']['uptime_s']}s;;;0"
    for name, lag in _lags(status, connector):
        label = visible(name).replace("'", "''").replace("=", "_").replace("|", "_")
        yield f"'{label}_lag'={lag}s;;;0"


def _lags(status: Status, connector: str | None) -> Iterator[tuple[str, float]]:
    """The longest of each connector; of one connector, each stream's."""
    if connector is not None:
        streams = status["connectors"][connector]["streams"]
        yield from ((name, each["lag_s"]) for name, each in streams.items() if each["lag_s"] is not None)
        return
    for name, each in status["connectors"].items():
        lag = longest_lag({"connectors": {name: each}})
        if lag is not None:
            yield name, lag


# -- words


def span(seconds: float) -> str:
    """A duration as people say it: `0.4 s`, `12 min`, `3 h`, `2 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 (one digit is enough)


def shortened(text: str) -> str:
    """One line without the perfdata's separator; the middle goes first, for the remedy is the end."""
    words = visible(" ".join(text.replace("|", "/").split()))
    if len(words) <= LONGEST:
        return words
    end = LONGEST // 3
    return f"{words[: LONGEST - end - 3]}...{words[-end:]}"
