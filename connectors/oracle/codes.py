"""What Oracle's and the driver's codes mean here: one table, which docs/connectors/oracle.md shows.

Numbers and meanings: "Database Error Messages"; DPY: python-oracledb's errors.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What happens next."""

    TRANSIENT = "transient"
    CREDENTIALS = "credentials"
    CONFIG = "config"
    FATAL = "fatal"
    GAP = "gap"
    GONE = "gone"


class Meaning(NamedTuple):
    kind: Kind
    says: str
    """In short, what the database or the driver says."""
    remedy: str


_AGAIN = "it is tried again"
_SERVER = "it is tried again; check that the database runs and can be reached"
_LISTENER = (
    "it is tried again; check that the database runs and is registered with the listener, and the service in"
    " `dsn`"
)
_ACCOUNT = "check `user` and `password`; it is not tried again by itself, since accounts lock"
_UNLOCK = "ALTER USER {user} ACCOUNT UNLOCK, and find out who locked it; then `resume`"
_DIRECTORY = "have it mended in the directory; it is not tried again by itself; then `resume`"
_REACH = "it is tried again; check the directory, and the database's wallet and ldap.ora for it"
_EXPIRED = "ALTER USER {user} IDENTIFIED BY a new password, and write it where `password` points to"
_DSN = "check `dsn` and `config_dir`"
_TLS = "check `tls` against the server's certificate"
_THICK = "set `client: thick`, with Oracle's client libraries under `client_lib`"
_OLD = "the bridge reads Oracle Database 12.1 and later, by either client"
_SESSIONS = "it is tried again; raise the limit, or end what else logs on"
_OPTIONS = "check the stream's options against the table"
_GRANT = "GRANT SELECT, FLASHBACK ON the table TO {user}; `doctor` names each statement"
_REDACTED = "GRANT EXEMPT REDACTION POLICY TO {user}, or `exclude` the column"
_GAP = (
    "`on_gap` says what happens: a new snapshot, or the stream waits; raise UNDO_RETENTION, or poll oftener"
)
_DDL = (
    "`on_gap` says what happens: a new snapshot, or the stream waits; versions end where the table is altered"
)
_KIND = "use `mode: images`, or timestamp: `doctor` says which tables flashback refuses"
_GONE = (
    "its position is kept, and it goes on when the table is there again; if it is gone for good, take it out"
    " of `streams:`, or exclude it; without SELECT on it the database says the same"
)
_VIEW_GONE = "mend the view; its position is kept, and it goes on with the next look for tables"
_VIEW = "mend the view, or what it reads; then `resume`"
_ANEW = "it is tried again, with the table described anew"
_QUERY_LONG = "it is tried again; raise `statement_timeout` and the stream's deadline, or add an index"
_BUG = "report it, with the statement from the log"
_LOOK = "it is tried again; look into the database's alert log"

_TRANSIENT, _CREDENTIALS, _CONFIG = Kind.TRANSIENT, Kind.CREDENTIALS, Kind.CONFIG
_FATAL, _GAPS, _GOES = Kind.FATAL, Kind.GAP, Kind.GONE

CODES: Mapping[str, Meaning] = {
    # Who we are.
    "ORA-01004": Meaning(_CREDENTIALS, "default username not supported", _ACCOUNT),
    "ORA-01005": Meaning(_CREDENTIALS, "no password given", _ACCOUNT),
    "ORA-01017": Meaning(_CREDENTIALS, "wrong user or password", _ACCOUNT),
    "ORA-01040": Meaning(_CREDENTIALS, "a character that no password may have", _ACCOUNT),
    "ORA-01045": Meaning(_CREDENTIALS, "the account may not log on", "GRANT CREATE SESSION TO {user}"),
    "ORA-28000": Meaning(_CREDENTIALS, "the account is locked", _UNLOCK),
    "ORA-28001": Meaning(_CREDENTIALS, "the password has expired", _EXPIRED),
    "ORA-28003": Meaning(_CREDENTIALS, "the password is not strong enough", _EXPIRED),
    "ORA-28009": Meaning(_CREDENTIALS, "SYS logs on as SYSDBA only", "use an account of the bridge's own"),
    "ORA-28049": Meaning(_CREDENTIALS, "the directory's password has expired", _DIRECTORY),
    "ORA-28051": Meaning(_CREDENTIALS, "the account is locked in the directory", _DIRECTORY),
    "ORA-28052": Meaning(_CREDENTIALS, "the account is disabled in the directory", _DIRECTORY),
    "ORA-28053": Meaning(_CREDENTIALS, "the account is inactive in the directory", _DIRECTORY),
    "ORA-28150": Meaning(
        _CREDENTIALS,
        "the account may not connect on behalf of that user",
        "ALTER USER the user of `proxy_for` GRANT CONNECT THROUGH {user}",
    ),
    "ORA-65162": Meaning(_CREDENTIALS, "the common user's password has expired", _EXPIRED),
    "DPY-4001": Meaning(_CREDENTIALS, "no user or password given", _ACCOUNT),
    # What is configured.
    "ORA-02003": Meaning(_CONFIG, "a server older than 12.1", _OLD),
    "ORA-12154": Meaning(_CONFIG, "the name of the database is not known", _DSN),
    "ORA-12162": Meaning(_CONFIG, "the name of the database is not complete", _DSN),
    "ORA-12533": Meaning(_CONFIG, "an address that cannot be", _DSN),
    "ORA-12650": Meaning(_CONFIG, "no common algorithm for encryption", _THICK),
    "ORA-12660": Meaning(_CONFIG, "the server demands native encryption", _THICK),
    "ORA-28040": Meaning(
        _CONFIG, "no authentication protocol in common", "set SQLNET.ALLOWED_LOGON_VERSION_SERVER to 12 or 11"
    ),
    "ORA-28759": Meaning(_CONFIG, "the wallet cannot be opened", _TLS),
    "ORA-28860": Meaning(_CONFIG, "TLS failed", _TLS),
    "ORA-29002": Meaning(_CONFIG, "the server's certificate has another name", _TLS),
    "ORA-29024": Meaning(_CONFIG, "the server's certificate is not trusted", _TLS),
    "ORA-38802": Meaning(_CONFIG, "there is no such edition", "check `edition`"),
    "DPI-1047": Meaning(_CONFIG, "Oracle's client libraries are not found", "check `client_lib`"),
    "DPI-1050": Meaning(_CONFIG, "Oracle's client libraries are too old", "check `client_lib`"),
    "DPY-2018": Meaning(_CONFIG, "there is no ewallet.pem in the wallet", _TLS),
    "DPY-3001": Meaning(_CONFIG, "the thin client cannot do what the server demands", _THICK),
    "DPY-3010": Meaning(_CONFIG, "a server older than 12.1", _OLD),
    "DPY-3012": Meaning(_CONFIG, "the thin client does not know the national character set", _THICK),
    "DPY-3015": Meaning(
        _CONFIG,
        "the account has a password verifier of 10g",
        "set the account's password anew, or use `client: thick`",
    ),
    "DPY-4000": Meaning(_CONFIG, "the name of the database is not in tnsnames.ora", _DSN),
    "DPY-4017": Meaning(_CONFIG, "a connect descriptor that cannot be read", _DSN),
    "DPY-4018": Meaning(_CONFIG, "a connect string that cannot be read", _DSN),
    "DPY-4021": Meaning(_CONFIG, "a protocol that is not known", _DSN),
    "DPY-4026": Meaning(_CONFIG, "there is no tnsnames.ora", _DSN),
    "DPY-4027": Meaning(_CONFIG, "no `config_dir` for a name of tnsnames.ora", _DSN),
    "DPY-6002": Meaning(_CONFIG, "the server's certificate has another distinguished name", _TLS),
    "DPY-6006": Meaning(_CONFIG, "the server's certificate has another name", _TLS),
    # The database or the way to it is not there now.
    "ORA-00018": Meaning(_TRANSIENT, "the database has no session left", _SESSIONS),
    "ORA-00020": Meaning(_TRANSIENT, "the database has no process left", _SESSIONS),
    "ORA-00028": Meaning(_TRANSIENT, "the session was killed", _SERVER),
    "ORA-00031": Meaning(_TRANSIENT, "the session is marked to be killed", _SERVER),
    "ORA-00257": Meaning(_TRANSIENT, "the archiver is stuck", _LOOK),
    "ORA-00376": Meaning(_TRANSIENT, "a data file cannot be read now", _LOOK),
    "ORA-00600": Meaning(_TRANSIENT, "internal error", _LOOK),
    "ORA-00603": Meaning(_TRANSIENT, "the session ended by a fatal error", _LOOK),
    "ORA-01012": Meaning(_TRANSIENT, "not logged on", _SERVER),
    "ORA-01033": Meaning(_TRANSIENT, "the database is starting or stopping", _SERVER),
    "ORA-01034": Meaning(_TRANSIENT, "the database is not up", _SERVER),
    "ORA-01035": Meaning(_TRANSIENT, "the database is in restricted mode", _SERVER),
    "ORA-01089": Meaning(_TRANSIENT, "the database is being shut down", _SERVER),
    "ORA-01090": Meaning(_TRANSIENT, "the database is being shut down", _SERVER),
    "ORA-01092": Meaning(_TRANSIENT, "the instance ended", _SERVER),
    "ORA-01109": Meaning(_TRANSIENT, "the database is not open", _SERVER),
    "ORA-01115": Meaning(_TRANSIENT, "a data file could not be read", _LOOK),
    "ORA-02391": Meaning(_TRANSIENT, "the account has too many sessions", _SESSIONS),
    "ORA-02396": Meaning(_TRANSIENT, "the session was idle for too long", _AGAIN),
    "ORA-02399": Meaning(_TRANSIENT, "the session lasted for too long", _AGAIN),
    "ORA-03113": Meaning(_TRANSIENT, "the connection ended", _SERVER),
    "ORA-03114": Meaning(_TRANSIENT, "not connected", _SERVER),
    "ORA-03135": Meaning(_TRANSIENT, "the connection lost contact", _SERVER),
    "ORA-03136": Meaning(_TRANSIENT, "logging on took too long", _SERVER),
    "ORA-07445": Meaning(_TRANSIENT, "the session's process crashed", _LOOK),
    "ORA-12170": Meaning(_TRANSIENT, "connecting took too long", _SERVER),
    "ORA-12505": Meaning(_TRANSIENT, "the listener does not know the SID", _LISTENER),
    "ORA-12514": Meaning(_TRANSIENT, "the listener is up and the service is not", _LISTENER),
    "ORA-12516": Meaning(_TRANSIENT, "the listener finds no free handler", _LISTENER),
    "ORA-12518": Meaning(_TRANSIENT, "the listener could not hand over the connection", _LISTENER),
    "ORA-12519": Meaning(_TRANSIENT, "the listener finds no service handler", _LISTENER),
    "ORA-12520": Meaning(_TRANSIENT, "the listener finds no handler of that kind", _LISTENER),
    "ORA-12526": Meaning(_TRANSIENT, "all instances are in restricted mode", _LISTENER),
    "ORA-12528": Meaning(_TRANSIENT, "all instances block new connections", _LISTENER),
    "ORA-12535": Meaning(_TRANSIENT, "the network took too long", _SERVER),
    "ORA-12537": Meaning(_TRANSIENT, "the connection was closed", _SERVER),
    "ORA-12541": Meaning(_TRANSIENT, "nobody listens there", _SERVER),
    "ORA-12543": Meaning(_TRANSIENT, "the host cannot be reached", _SERVER),
    "ORA-12545": Meaning(_TRANSIENT, "the host is not known", _SERVER),
    "ORA-12547": Meaning(_TRANSIENT, "the connection lost contact", _SERVER),
    "ORA-12560": Meaning(_TRANSIENT, "the network failed", _SERVER),
    "ORA-12564": Meaning(_TRANSIENT, "the connection was refused", _LISTENER),
    "ORA-12570": Meaning(_TRANSIENT, "the network could not be read", _SERVER),
    "ORA-12571": Meaning(_TRANSIENT, "the network could not be written", _SERVER),
    "ORA-12757": Meaning(_TRANSIENT, "the instance does not know the service now", _LISTENER),
    "ORA-28030": Meaning(_TRANSIENT, "the database does not reach the directory service", _REACH),
    "ORA-28864": Meaning(_TRANSIENT, "TLS was ended by the server", _SERVER),
    "DPY-1001": Meaning(_TRANSIENT, "not connected", _SERVER),
    "DPY-4005": Meaning(_TRANSIENT, "no connection became free", _SERVER),
    "DPY-4011": Meaning(_TRANSIENT, "the connection was closed", _SERVER),
    "DPY-4024": Meaning(_TRANSIENT, "the call took too long", _QUERY_LONG),
    "DPY-4033": Meaning(_TRANSIENT, "the session was idle for too long", _AGAIN),
    "DPY-4035": Meaning(_TRANSIENT, "who answers there is no Oracle listener, or one that fails", _SERVER),
    "DPY-5005": Meaning(_TRANSIENT, "the listener refused the connection", _LISTENER),
    "DPY-5006": Meaning(_TRANSIENT, "the answer ended too soon", _SERVER),
    "DPY-6000": Meaning(_TRANSIENT, "the listener refused the connection", _LISTENER),
    "DPY-6001": Meaning(_TRANSIENT, "the listener is up and the service is not", _LISTENER),
    "DPY-6003": Meaning(_TRANSIENT, "the listener does not know the SID", _LISTENER),
    "DPY-6004": Meaning(_TRANSIENT, "the network's proxy refused", _SERVER),
    "DPY-6005": Meaning(_TRANSIENT, "no connection came about", _SERVER),
    # It did not work out this time.
    "ORA-00051": Meaning(_TRANSIENT, "waiting for a resource took too long", _AGAIN),
    "ORA-00054": Meaning(_TRANSIENT, "somebody else holds the lock", _AGAIN),
    "ORA-00060": Meaning(_TRANSIENT, "deadlock", _AGAIN),
    "ORA-00904": Meaning(_TRANSIENT, "there is no such column, any more", _ANEW),
    "ORA-01000": Meaning(_TRANSIENT, "too many open cursors", "it is tried again; raise OPEN_CURSORS"),
    "ORA-01013": Meaning(_TRANSIENT, "the statement was cancelled", _QUERY_LONG),
    "ORA-01410": Meaning(_TRANSIENT, "a ROWID that is no more", _AGAIN),
    "ORA-01652": Meaning(_TRANSIENT, "no room to sort in", "it is tried again; enlarge the TEMP tablespace"),
    "ORA-02049": Meaning(_TRANSIENT, "waiting for a lock took too long", _AGAIN),
    "ORA-03111": Meaning(_TRANSIENT, "the statement was cancelled", _AGAIN),
    "ORA-04020": Meaning(_TRANSIENT, "deadlock over an object", _AGAIN),
    "ORA-04021": Meaning(_TRANSIENT, "waiting for an object took too long", _AGAIN),
    "ORA-04030": Meaning(_TRANSIENT, "the server's process has no memory left", _LOOK),
    "ORA-04031": Meaning(_TRANSIENT, "the server has no shared memory left", _LOOK),
    "ORA-04061": Meaning(_TRANSIENT, "a package was changed", _AGAIN),
    "ORA-04068": Meaning(_TRANSIENT, "a package was changed", _AGAIN),
    "ORA-08103": Meaning(_TRANSIENT, "the table was truncated or moved meanwhile", _AGAIN),
    "ORA-08177": Meaning(_TRANSIENT, "the transaction met another one", _AGAIN),
    "ORA-08181": Meaning(_TRANSIENT, "a system change number that this instance has not seen", _AGAIN),
    "ORA-08186": Meaning(_TRANSIENT, "a time that this instance cannot place", _AGAIN),
    "ORA-12805": Meaning(_TRANSIENT, "a parallel query's process died", _AGAIN),
    "ORA-30006": Meaning(_TRANSIENT, "somebody else holds the row", _AGAIN),
    "ORA-30036": Meaning(_TRANSIENT, "no room for undo", "it is tried again; enlarge the undo tablespace"),
    # Undo, or the way back through it, has ended.
    "ORA-01466": Meaning(_GAPS, "the table was altered after that moment", _DDL),
    "ORA-01555": Meaning(_GAPS, "snapshot too old: the undo was overwritten", _GAP),
    "ORA-08176": Meaning(_GAPS, "changes that left no undo: a direct load, or an index", _DDL),
    "ORA-08180": Meaning(_GAPS, "no snapshot of that time", _GAP),
    "ORA-22924": Meaning(
        _GAPS,
        "snapshot too old: the versions of a LOB were overwritten",
        "`on_gap` says what happens: a new snapshot, or the stream waits; set RETENTION of the LOB",
    ),
    "ORA-30052": Meaning(_GAPS, "the lower end of the versions lies before the undo", _GAP),
    # It is not there.
    "ORA-00942": Meaning(_GOES, "there is no such table, or it may not be read", _GONE),
    "ORA-00980": Meaning(_GOES, "a synonym of nothing", _GONE),
    "ORA-02019": Meaning(_GOES, "a view reads by a database link that is not there", _VIEW_GONE),
    "ORA-04043": Meaning(_GOES, "there is no such object", _GONE),
    "ORA-04063": Meaning(_GOES, "the view has errors", _VIEW_GONE),
    "ORA-24010": Meaning(_GOES, "there is no such queue", _GONE),
    "ORA-25226": Meaning(
        _GOES,
        "the queue does not dequeue",
        "DBMS_AQADM.START_QUEUE; it goes on with the next look for queues",
    ),
    # It cannot work.
    "ORA-00900": Meaning(_FATAL, "no statement that the database knows", _BUG),
    "ORA-00907": Meaning(_FATAL, "a parenthesis is missing", _BUG),
    "ORA-00923": Meaning(_FATAL, "FROM is missing", _BUG),
    "ORA-00933": Meaning(_FATAL, "a statement that does not end where it should", _BUG),
    "ORA-00936": Meaning(_FATAL, "an expression is missing", _BUG),
    "ORA-00932": Meaning(_FATAL, "types that do not fit", _OPTIONS),
    "ORA-01031": Meaning(_FATAL, "the account lacks a right", _GRANT),
    "ORA-41900": Meaning(_FATAL, "the account lacks a right", _GRANT),
    "ORA-28081": Meaning(_FATAL, "the account lacks the right to values that are redacted", _REDACTED),
    "ORA-01427": Meaning(_FATAL, "a subquery of a view brings several rows", _VIEW),
    "ORA-01476": Meaning(_FATAL, "a view divides by zero", _VIEW),
    "ORA-01578": Meaning(_FATAL, "a block of the table is damaged", "have it repaired; then `resume`"),
    "ORA-01722": Meaning(_FATAL, "text that is no number", _OPTIONS),
    "ORA-01843": Meaning(_FATAL, "a view makes a date of what is none", _VIEW),
    "ORA-01858": Meaning(_FATAL, "a view makes a date of what is none", _VIEW),
    "ORA-01861": Meaning(_FATAL, "a view makes a date of what is none", _VIEW),
    "ORA-06502": Meaning(_FATAL, "a function of a view fails over a value", _VIEW),
    "ORA-22992": Meaning(_FATAL, "a LOB of another database", "read it there, or a view without it"),
    "ORA-01745": Meaning(_FATAL, "a reserved word as the name of a bind", _BUG),
    "ORA-16000": Meaning(_FATAL, "the database may only be read", "read by a mode that deletes nothing"),
    "ORA-24033": Meaning(_FATAL, "the queue has no such subscriber", "check `consumer`"),
    "ORA-25231": Meaning(_FATAL, "the queue has several consumers", "name ours under `consumer`"),
    "ORA-28193": Meaning(_FATAL, "the session may only read", "read by a mode that deletes nothing"),
    "ORA-30051": Meaning(_FATAL, "no versions of what is no table", _KIND),
    "ORA-08187": Meaning(_FATAL, "no flashback of what is no table", _KIND),
}

WRAPPERS = frozenset(
    {"DPY-6005", "DPY-6000", "DPY-4011", "DPY-1001", "ORA-00604", "ORA-12801", "ORA-06512", "ORA-12564"}
)
"""They say that something failed; what is named beside them says why."""
