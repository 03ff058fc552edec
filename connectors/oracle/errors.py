"""From the driver's exception to the error that says what happens next: `translate` alone decides."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence

import oracledb

from bridge.errors import (
    BridgeError,
    ConfigError,
    CredentialsError,
    GapError,
    GoneError,
    PermanentError,
    TransientError,
)
from connectors.oracle.codes import CODES, WRAPPERS, Kind, Meaning

ERRORS: dict[Kind, type[BridgeError]] = {
    Kind.TRANSIENT: TransientError,
    Kind.CREDENTIALS: CredentialsError,
    Kind.CONFIG: ConfigError,
    Kind.FATAL: PermanentError,
    Kind.GAP: GapError,
    Kind.GONE: GoneError,
}
_CODE = re.compile(r"\b((?:ORA|DPY|DPI)-\d{4,5})\b")
_HELP = re.compile(r"\s*Help: \S+|\s*https://docs\.oracle\.com/\S+|\s*\(CONNECTION_ID=[^)]*\)")
_SECRET = re.compile(
    r"((?:password|passwd|pwd|secret|token|passphrase)\w*\s*[=:]\s*)[^;&,\s)\]]+", re.IGNORECASE
)
_ACCOUNT = re.compile(r"[^\s/@\"'(]+/[^\s/@]+@")
_LONGEST = 300
_LOST = Meaning(Kind.TRANSIENT, "the connection was lost", "it is tried again; check that the database runs")
_TLS = Meaning(Kind.CONFIG, "TLS failed", "check `tls` against the server's certificate, and the port")
_TLS_REASONS = frozenset(
    {
        "CERTIFICATE_VERIFY_FAILED",
        "HTTP_REQUEST",
        "NO_SHARED_CIPHER",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_ALERT_UNKNOWN_CA",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)
"""OpenSSL's; others come of a server that is not well, and pass."""
_TLS_FILES = frozenset({"PEM", "X509"})
_DRIVER = Meaning(Kind.FATAL, "the driver refused", "report it, with the statement from the log")
_UNKNOWN = Meaning(Kind.TRANSIENT, "", "it is tried again")
_PACKAGE = re.compile(r"ORA-00904: (?:SYS\.|\"SYS\"\.)?\"?DBMS_LOB\b")
_NO_PACKAGE = Meaning(
    Kind.FATAL,
    "the account may not use DBMS_LOB",
    "GRANT EXECUTE ON SYS.DBMS_LOB TO {user}; `oversize: truncate` cuts BLOBs by it, `reject` does without",
)
_USER_CODES = range(20_000, 21_000)
_TRIGGER = Meaning(
    Kind.TRANSIENT, "code of the database's own raised an error", "it is tried again; look for a trigger"
)


def codes(error: BaseException) -> list[str]:
    """The codes that an error and its causes name, the outermost first, each once."""
    found = [code for each in _chain(error) for code in _CODE.findall(str(each))]
    return list(dict.fromkeys(_normal(code) for code in found))


def meaning(error: BaseException) -> Meaning:
    """The first code that says why; else what sort of exception it is."""
    named = [code for code in codes(error) if code in CODES]
    telling = [code for code in named if code not in WRAPPERS] or named
    if any(isinstance(each, ssl.SSLError) and _lasts(each) for each in _chain(error)):
        return _TLS
    if _PACKAGE.search(str(error)):
        return _NO_PACKAGE
    if telling:
        return CODES[telling[0]]
    return _by_sort(error)


def _lasts(error: ssl.SSLError) -> bool:
    """By what the other side says, or by the files of a wallet."""
    library, reason = getattr(error, "library", None), getattr(error, "reason", None)
    return reason in _TLS_REASONS or library in _TLS_FILES or "PEM lib" in str(error)


def kind(error: BaseException) -> Kind:
    """For a mode that can do something about it by itself: of a driver's exception."""
    return meaning(error).kind


def translate(
    error: BaseException, place: str, *, user: str = "", secrets: Sequence[str] = ()
) -> BridgeError:
    """The exception to raise for one of the driver's that came from `place`."""
    means = meaning(error)
    text = f"{place}: {masked(_told(error), secrets)}"
    return ERRORS[means.kind](text, remedy=means.remedy.replace("{user}", user or "the account"))


def is_the_drivers(error: BaseException) -> bool:
    """Did it come from the driver or the network? Anything else is a bug, and no matter of codes."""
    return isinstance(error, oracledb.Error | OSError)


def masked(text: str, secrets: Sequence[str] = ()) -> str:
    """One line without secrets: those that are known, and what stands where secrets stand."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    line = " ".join(_ACCOUNT.sub("***@", _SECRET.sub(r"\1***", text)).split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."


def _by_sort(error: BaseException) -> Meaning:
    if not isinstance(error, oracledb.Error):
        return _LOST
    told = error.args[0] if error.args else None
    if getattr(told, "isrecoverable", False):
        return _LOST
    if int(getattr(told, "code", 0) or 0) in _USER_CODES:
        return _TRIGGER
    if isinstance(error, oracledb.InterfaceError | oracledb.ProgrammingError | oracledb.NotSupportedError):
        return _DRIVER
    return _UNKNOWN


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _normal(code: str) -> str:
    family, _, number = code.partition("-")
    return f"{family}-{int(number):05}" if family == "ORA" else code


def _told(error: BaseException) -> str:
    """What it says, without the pointers to pages that nobody follows from a log."""
    text = _HELP.sub("", str(error)).strip()
    return text or type(error).__name__
