"""From a Java exception to the error that says what happens next: `translate` alone decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.errors import (
    BridgeError,
    BusyError,
    ConfigError,
    CredentialsError,
    GoneError,
    PermanentError,
    TransientError,
)

_SECRET = re.compile(
    r"((?:password|passwd|pwd|secret|token|passphrase)\w*\s*[=:]\s*)[^;&,\s)\]]+", re.IGNORECASE
)
_USERINFO = re.compile(r"(//|:)[^\s@/:]+[:/][^\s@]+@")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """One exception of a cause chain."""

    kind: str
    message: str
    state: str = ""
    code: int = 0


def faults(error: Any) -> list[Fault]:
    """The exception, what caused it, and what SQLException.getNextException() adds; each once."""
    found: list[Fault] = []
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if one is None or (identity := int(one.hashCode())) in seen:
            continue
        seen.add(identity)
        sql = hasattr(one, "getSQLState")
        found.append(
            Fault(
                kind=str(one.getClass().getName()),
                message=str(one.getMessage() or ""),
                state=str(one.getSQLState() or "") if sql else "",
                code=int(one.getErrorCode()) if sql else 0,
            )
        )
        waiting += [one.getNextException() if sql else None, one.getCause()]
    return found


class TooWide(PermanentError):
    """A row does not fit into the heap."""


class JvmError(RuntimeError):
    """A java.lang.Error: nothing in this process can be trusted any more."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The first that fits a fault of the chain decides; `state` is a prefix, `kind` and `text` are parts."""

    error: type[BridgeError]
    remedy: str
    state: str = ""
    codes: tuple[int, ...] = ()
    kind: str = ""
    text: str = ""

    def fits(self, fault: Fault) -> bool:
        return (
            fault.state.startswith(self.state)
            and (not self.codes or fault.code in self.codes)
            and self.kind in fault.kind
            and self.text in fault.message
        )


_ACCOUNT = "check user and password; it is not tried again by itself, since accounts lock"
_SETTINGS = "check the URL and `properties`"
_BUFFER = "under `properties`, write maxResultBuffer as a size (`64M`) or a share of the heap (`25p`)"
_H2 = "org.h2."
_AGAIN = "it is tried again"
_UNABLE = "the database cannot do this; name other columns under `key`"
_GONE = (
    "its position is kept, and it goes on when the table is there again; "
    "if it is gone for good, take it out of `streams:`, or exclude it"
)
_QUERY = "correct the stream's `query`: it is one SELECT"
_SERVER = "it is tried again; check that the database runs and can be reached"
_SILENT = (
    "it is tried again; check that the database runs and can be reached; "
    "where a statement takes so long, raise statement_timeout and the stream's deadline"
)
_FULL = "it is tried again; raise that limit, or end what else uses it up"
POOLER = "connect to the database itself, or to a pool in session mode"
_SLOW = "it is tried again; add an index, or raise statement_timeout and the stream's deadline"

# A vendor's code counts for that vendor alone: H2's and SQL Server's exceptions are known by their class,
# Oracle's by ORA-, MariaDB's by state and words.
RULES = (
    Rule(ConfigError, "check the URL, `jars` and `driver`", text="No suitable driver"),
    Rule(ConfigError, "the driver's jars are incomplete", kind="ClassNotFound"),
    Rule(ConfigError, "the driver's jars are incomplete", kind="NoClassDefFound"),
    Rule(ConfigError, "the driver needs a newer Java", kind="UnsupportedClassVersion"),
    # A database that recovers: SQL Server says that the log-in failed, too, when it had accepted it.
    Rule(TransientError, f"{_SERVER}, and that it has the database", codes=(4060,), kind="sqlserver"),
    Rule(
        TooWide,
        "raise `heap` to more than four times that, or leave the column out by a `query`",
        text="one row is wider than a quarter of the heap",
    ),
    Rule(TransientError, "it is tried again, with fewer rows at a time", text="maxResultBuffer"),
    # What fails in IBM i itself, before it looks at the password.
    *(
        Rule(TransientError, _SERVER, kind="AS400SecurityException", text=text)
        for text in ("rror occurred when", "able to allocate space")
    ),
    # Credentials; 08004 was H2's before 1.4.
    Rule(CredentialsError, _ACCOUNT, state="28"),
    *(Rule(CredentialsError, _ACCOUNT, text=f"ORA-{code}") for code in ("01017", "28000", "28001")),
    Rule(CredentialsError, _ACCOUNT, codes=(18456, 18486, 18487, 18488), kind="sqlserver"),
    *(Rule(CredentialsError, _ACCOUNT, state="08004", kind=kind) for kind in ("h2", "derby")),
    # MariaDB's and MySQL's: the account is locked or blocked; its password has expired.
    Rule(CredentialsError, _ACCOUNT, state="HY000", codes=(3118, 3955, 4150, 4151), text="locked"),
    Rule(CredentialsError, _ACCOUNT, state="HY000", codes=(1862,), text="password"),
    # To IBM i a refused log-on is a refused connection, and so it is to Db2's older servers.
    Rule(CredentialsError, _ACCOUNT, kind="AS400SecurityException"),
    Rule(CredentialsError, _ACCOUNT, kind="HeadlessException"),  # it would have been asked for anew
    Rule(CredentialsError, _ACCOUNT, state="08001", codes=(-30082,)),
    Rule(CredentialsError, _ACCOUNT, codes=(-951, -952), text="assword"),  # Informix's
    Rule(CredentialsError, _ACCOUNT, state="JZ00L"),  # Sybase's
    Rule(CredentialsError, _ACCOUNT, text="no password was provided"),
    # A database that is not there, an URL or a setting that the driver refuses.
    Rule(ConfigError, "check the database's name in the URL", state="3D"),
    Rule(ConfigError, "check the database's name in the URL", codes=(90013, 90146, 90149), kind=_H2),
    Rule(
        ConfigError,
        "check the database's name in the URL",
        state="42000",
        codes=(1049,),
        text="nknown database",
    ),
    Rule(
        ConfigError,
        "grant the account rights in the database",
        state="42000",
        codes=(1044,),
        text="to database",
    ),
    Rule(ConfigError, "write an absolute path, or ~/, in the URL", codes=(90011,), kind=_H2),
    Rule(ConfigError, _SETTINGS, codes=(90046, 90066, 90088, 90113), kind=_H2),
    Rule(ConfigError, _SETTINGS, kind="PSQL", text="Invalid "),
    # A statement that was prepared in another session of the server.
    *(
        Rule(ConfigError, f"if there is a pooler between, {POOLER}", state=state)
        for state in ("42P05", "26000")
    ),
    # The network's time-out comes after the statement's own, where the driver has that.
    Rule(TransientError, _SILENT, kind="SocketTimeoutException"),
    Rule(TransientError, _SILENT, text="Read timed out"),
    # Time ran out, or somebody cancelled.
    Rule(BusyError, _SLOW, state="57014"),
    Rule(BusyError, _SLOW, state="HYT"),
    Rule(BusyError, _SLOW, kind="SQLTimeoutException"),
    # The connection is gone (08), resources are short (53), an operator stepped in (57), the system failed
    # (58), idle in transaction (25P0), deadlock (40), locks (55), a table altered meanwhile (0A000).
    *(Rule(TransientError, _SERVER, state=state) for state in ("08", "53", "57", "58", "25P0")),
    *(Rule(BusyError, _AGAIN, state=state) for state in ("40", "55")),
    Rule(TransientError, _AGAIN, state="0A000", text="cached plan"),
    # MariaDB's limits: of an account, or of prepared statements.
    Rule(TransientError, _FULL, state="42000", codes=(1203, 1226, 1461), text="max_"),
    Rule(
        TransientError,
        "another process holds the file: add AUTO_SERVER=TRUE to its URL",
        codes=(90020,),
        kind=_H2,
    ),
    Rule(TransientError, _SERVER, codes=(50200, 90007, 90067, 90098, 90121), kind=_H2),
    *(
        Rule(TransientError, _SERVER, kind=kind)
        for kind in ("SQLTransient", "SQLRecoverable", "java.net.", "java.io.", "java.nio.")
    ),
    # A table that is not there now: dropped, or being made anew.
    *(Rule(GoneError, _GONE, state=state) for state in ("42P01", "42S02", "42S03", "42S04", "42X05")),
    Rule(GoneError, _GONE, codes=(90079,), kind=_H2),
    Rule(GoneError, _GONE, text="ORA-00942"),
    Rule(GoneError, _GONE, codes=(208,), kind="sqlserver"),
    Rule(GoneError, _GONE, state="42704", codes=(-204,)),  # Db2's
    # What was asked for is not there or not allowed.
    Rule(PermanentError, "grant the account USAGE on the schema, too", state="42501", text="for schema"),
    Rule(PermanentError, "grant SELECT to the account", state="42501"),
    Rule(PermanentError, "grant SELECT to the account", codes=(90096,), kind=_H2),
    Rule(PermanentError, "grant SELECT to the account", state="42000", text="command denied"),
    # What cannot be parsed: all other SQL is the bridge's own.
    Rule(PermanentError, _QUERY, state="42601"),
    Rule(PermanentError, _QUERY, codes=(42000, 42001), kind=_H2),
    Rule(PermanentError, _QUERY, state="42000", codes=(1064,)),
    Rule(PermanentError, "check the stream's options against the table", state="42"),
    # A key of arrays, or of rows: no text can be compared with one.
    Rule(PermanentError, _UNABLE, codes=(90110,), kind=_H2),
    Rule(PermanentError, _UNABLE, state="0A", text="anonymous composite"),
    Rule(
        PermanentError,
        "the database cannot do this; correct the stream's `query`, or name other columns under `key`",
        state="0A",
    ),
    Rule(PermanentError, "look at the row the position stands at", state="22"),
    Rule(PermanentError, "the driver cannot do this; a newer one may", kind="SQLFeatureNotSupported"),
)
_REFUSALS = (
    *("assword is incorrect", "ncorrect password", "nvalid password", "user name or password"),
    *("username or password", "Connection exception - authentication failed"),
)
"""What databases that nobody knows say of a log-on, whatever its SQLState."""

# What means something else as long as there is no session.
CONNECTING = (
    Rule(ConfigError, _BUFFER, text="axResultBuffer"),
    Rule(ConfigError, _SETTINGS, text="For input string"),
    *(Rule(CredentialsError, _ACCOUNT, text=text) for text in _REFUSALS),
    Rule(TransientError, _SERVER, kind="SQLTimeoutException"),
    Rule(TransientError, _SERVER, state="HYT"),
    Rule(TransientError, _SERVER, text="Read timed out"),
    Rule(ConfigError, _SETTINGS, state="22"),
    Rule(ConfigError, "grant CONNECT on the database to the account", state="42501"),
    *RULES,
)
_OTHERWISE = Rule(TransientError, _AGAIN)


def translate(
    error: Any, place: str, secrets: Sequence[str] = (), rules: Sequence[Rule] = RULES
) -> Exception:
    """The exception to raise for a Java exception that came from `place`."""
    return judge(faults(error), place, secrets, rules)


def judge(
    chain: Sequence[Fault], place: str, secrets: Sequence[str] = (), rules: Sequence[Rule] = RULES
) -> Exception:
    rule = next((rule for rule in rules for fault in chain if rule.fits(fault)), None)
    text = f"{place}: {_describe(chain, secrets)}"
    if rule is None and any(fault.kind.endswith("Error") for fault in chain):
        return JvmError(text)
    rule = rule or _OTHERWISE
    return rule.error(text, remedy=rule.remedy)


def _describe(chain: Sequence[Fault], secrets: Sequence[str]) -> str:
    """One line: the first message that says something, the innermost cause, SQLState and code."""
    texts = [fault.message or fault.kind for fault in chain]
    told = texts[0] if texts[-1] in texts[0] else f"{texts[0]} ({texts[-1]})"
    first = next((fault for fault in chain if fault.state), None)
    code = f" [{first.state}{f'/{first.code}' if first.code else ''}]" if first else ""
    return masked(told, secrets) + ("" if first and first.state in told else code)


def masked(text: str, secrets: Sequence[str] = ()) -> str:
    """One line without secrets: those that are known, and what stands where secrets stand in URLs."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = _USERINFO.sub(r"\1***@", _SECRET.sub(r"\1***", text))
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."
