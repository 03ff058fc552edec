"""What `doctor` says about a database and its tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bridge.contract import Finding, Level
from bridge.errors import PermanentError
from connectors.jdbc.dialects import GENERIC
from connectors.jdbc.session import Reading, Session

_CLOCK_S = 2.0


def findings(session: Session) -> Sequence[Finding]:
    streams = session.discover()
    found = [
        *_database(session),
        *(finding for stream in streams for finding in _table(session, stream.name)),
    ]
    session.end()
    return found


def _database(session: Session) -> Iterator[Finding]:
    meta = session.connection.getMetaData()
    yield Finding(
        Level.OK,
        f"{meta.getDatabaseProductName()} {meta.getDatabaseProductVersion()},"
        f" driver {meta.getDriverName()} {meta.getDriverVersion()}",
    )
    if not session.connection.isReadOnly():
        yield Finding(
            Level.WARNING,
            "the driver does not keep the session read-only",
            remedy="give the account SELECT and no other right",
        )
    if session.dialect is GENERIC:
        yield Finding(
            Level.WARNING,
            "whether this driver reads large tables piece by piece is not known",
            remedy="try a large table; the driver's own settings for it go under `properties`",
        )
    yield from _clock(session)


def _clock(session: Session) -> Iterator[Finding]:
    told = session.scalar(session.dialect.clock) if session.dialect.clock else None
    if told is None:
        return
    ahead = float(told) - time.time()
    if abs(ahead) > _CLOCK_S:
        yield Finding(
            Level.WARNING,
            f"the database's clock differs from this host's by {ahead:+.1f} s",
            remedy="synchronise both with NTP: times in events are the database's",
        )
    else:
        yield Finding(Level.OK, "the clocks agree")


def _table(session: Session, name: str) -> Iterator[Finding]:
    reading = session.reading(name)
    if isinstance(reading, PermanentError):
        yield Finding(Level.CRITICAL, reading.text, reading.remedy, name)
        return
    yield Finding(Level.OK, f"can be read, by {', '.join(reading.mode.columns)}", stream=name)
    if not session.catalog.indexed(reading.name, reading.mode.columns[0]):
        yield _no_index(session, reading)


def _no_index(session: Session, reading: Reading) -> Finding:
    quote, column = session.catalog.quote, reading.mode.columns[0]
    return Finding(
        Level.WARNING,
        f"no index begins with column {column}: every poll reads the whole table",
        remedy=f"CREATE INDEX ON {quote.table(reading.name)} ({quote.name(column)}); of a view, on its table",
        stream=str(reading.name),
    )
