"""From a client's exception to the error that says what happens next: `translate` alone decides.

The clients have hierarchies of their own: PyRFC's classes are named after RFC_ERROR_GROUP (sapnwrfc.h), those
of saprfclib resemble them, JCo has numbers (com.sap.conn.jco.JCoException). None of them is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from bridge.errors import (
    BridgeError,
    ConfigError,
    CredentialsError,
    GoneError,
    PermanentError,
    TransientError,
)


class Kind(Enum):
    COMMUNICATION = auto()
    LOGON = auto()
    AUTHORISATION = auto()
    FUNCTION = auto()
    """There is none of that name, or it may not be called from outside."""
    RAISED = auto()
    """An exception of the function's interface."""
    FAILURE = auto()
    """A short dump, or a message that ended the program."""
    CONFIG = auto()
    CLIENT = auto()
    """The client refused the call, or did not understand the answer."""


class AbapError(PermanentError):
    """An exception of a function's interface; `key` is its name there."""

    def __init__(self, text: str, *, remedy: str = "", key: str = "") -> None:
        super().__init__(text, remedy=remedy)
        self.key = key


class AlteredError(TransientError):
    """A function has another interface now, by which nothing was read yet."""


class UnauthorisedError(AbapError):
    """The account may not do that, but all else."""


class UnknownFunctionError(AbapError):
    """There is no such function, or not for callers from outside."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a client said, in words common to all of them. `key`: the name of the error or the exception."""

    kind: Kind
    key: str
    text: str

    @property
    def was_raised(self) -> bool:
        """By the function, in the way its interface has for that: the connection is as good as before."""
        return self.kind in _RAISED and not self.key.startswith(("RFC_", "CALL_FUNCTION_"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What was being done, with which function and parameters, and on whose behalf."""

    doing: str
    function: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    user: str = ""
    client: str = ""

    @property
    def table(self) -> str:
        """The one that was to be read, if any."""
        return str(self.parameters.get("QUERY_TABLE") or self.parameters.get("TABNAME") or "")

    @property
    def is_logon(self) -> bool:
        """No function is called yet."""
        return not self.function

    @property
    def subject(self) -> str:
        return f" for {self.table}" if self.table else ""


_ERRORS: Mapping[Kind, type[BridgeError]] = {
    Kind.COMMUNICATION: TransientError,
    Kind.LOGON: CredentialsError,
    Kind.AUTHORISATION: UnauthorisedError,
    Kind.FUNCTION: UnknownFunctionError,
    Kind.RAISED: AbapError,
    Kind.FAILURE: TransientError,
    Kind.CONFIG: ConfigError,
    Kind.CLIENT: AbapError,
}
_RAISED = (Kind.RAISED, Kind.AUTHORISATION, Kind.FUNCTION)
_BY_CLASS: Mapping[str, Kind] = {
    # PyRFC; CommunicationError is saprfclib's, too
    "LogonError": Kind.LOGON,
    "CommunicationError": Kind.COMMUNICATION,
    "ABAPApplicationError": Kind.RAISED,
    "ABAPRuntimeError": Kind.FAILURE,
    "ExternalAuthorizationError": Kind.LOGON,
    "ExternalRuntimeError": Kind.CLIENT,
    "ExternalApplicationError": Kind.CLIENT,
    "SdkNotFoundError": Kind.CONFIG,
    "RFCError": Kind.CLIENT,
    # saprfclib
    "AbapApplicationError": Kind.RAISED,
    "AbapSystemFailure": Kind.FAILURE,
    "SncError": Kind.CONFIG,
    "IncompleteDescriptorError": Kind.CLIENT,
    "CallError": Kind.CLIENT,
    "SapRfcError": Kind.COMMUNICATION,
    # what both let through
    "OSError": Kind.COMMUNICATION,
    "EOFError": Kind.COMMUNICATION,
    "ValueError": Kind.CLIENT,
    "TypeError": Kind.CLIENT,
}
_BY_GROUP: Mapping[int, Kind] = {
    101: Kind.CONFIG,  # the names of the numbers: fields of com.sap.conn.jco.JCoException
    102: Kind.COMMUNICATION,
    103: Kind.LOGON,
    104: Kind.FAILURE,
    106: Kind.COMMUNICATION,  # resource
    107: Kind.COMMUNICATION,  # protocol
    109: Kind.COMMUNICATION,  # cancelled
    110: Kind.COMMUNICATION,  # busy
    112: Kind.COMMUNICATION,  # request cancelled
    123: Kind.FUNCTION,
    126: Kind.RAISED,
    111: Kind.RAISED,  # of a class
    135: Kind.COMMUNICATION,  # time-out
    138: Kind.LOGON,  # the password must be changed
}
_BY_KEY: Mapping[str, Kind] = {
    "RFC_LOGON_FAILURE": Kind.LOGON,
    "RFC_AUTHENTICATION_FAILURE": Kind.LOGON,
    "RFC_NO_AUTHORITY": Kind.AUTHORISATION,
    "RFC_AUTHORIZATION_FAILURE": Kind.AUTHORISATION,
    "NOT_AUTHORIZED": Kind.AUTHORISATION,
    "NO_AUTHORIZATION": Kind.AUTHORISATION,
    "NO_AUTHORITY": Kind.AUTHORISATION,
    "NO_PERMISSION": Kind.AUTHORISATION,
    "MISSING_AUTHORIZATION": Kind.AUTHORISATION,
    "FU_NOT_FOUND": Kind.FUNCTION,
    "RFC_NOT_FOUND": Kind.FUNCTION,
    "FUNCTION_NOT_EXIST": Kind.FUNCTION,
    "CALL_FUNCTION_NOT_FOUND": Kind.FUNCTION,
    "CALL_FUNCTION_NOT_REMOTE": Kind.FUNCTION,
    "CALL_FUNCTION_REMOTE_ERROR": Kind.FAILURE,
    "RFC_COMMUNICATION_FAILURE": Kind.COMMUNICATION,
    "RFC_CLOSED": Kind.COMMUNICATION,
    "RFC_CANCELED": Kind.COMMUNICATION,
    "RFC_TIMEOUT": Kind.COMMUNICATION,
    "RFC_IO_FAILURE": Kind.COMMUNICATION,
    "RFC_INVALID_HANDLE": Kind.COMMUNICATION,
    "RFC_INVALID_PROTOCOL": Kind.COMMUNICATION,
    "RFC_ABAP_RUNTIME_FAILURE": Kind.FAILURE,
    "RFC_ABAP_MESSAGE": Kind.FAILURE,
    "RFC_CRYPTOLIB_FAILURE": Kind.CONFIG,
    "SYSTEM_FAILURE": Kind.FAILURE,
    "COMMUNICATION_FAILURE": Kind.FAILURE,
    "RESOURCE_FAILURE": Kind.FAILURE,
    "FOREIGN_LOCK": Kind.FAILURE,
}
# JCo's keys of short dumps name its own group of errors; what it was stands in the text, of ABAP's message.
_SAYS_NOTHING = frozenset({"RFC_ERROR_SYSTEM_FAILURE", "JCO_ERROR_SYSTEM_FAILURE"})
_BY_TEXT = {
    "RFC_NO_AUTHORITY": re.compile(
        r"RFC_NO_AUTHORITY|no RFC authorization|keine RFC-Berechtigung", re.IGNORECASE
    ),
    "CALL_FUNCTION_NOT_REMOTE": re.compile(r"CALL_FUNCTION_NOT_REMOTE|cannot be used for \W?remote\W? calls"),
}
# Why a system lets nobody log on, whoever it is: no password was looked at.
_BUSY = re.compile(
    r"work ?process|being (started|shut)|shutting down|starting up|maximum number of|no more (free )?sessions"
    r"|workproze|heruntergefahren|wird gestartet",
    re.IGNORECASE,
)
# Whatever else a text with these says, the next attempt may lock the account.
_OF_ACCOUNTS = (
    r"\b(passwords?|passworts?|kennworts?|kennwörter|failed (logon )?attempts?|fehlversuche?)\b"
    r"|\b(user|account|benutzer|konto)\b[^.;,]{0,40}\b(locked|gesperrt)\b|\blogon[^.;,]{0,20}\blocked\b"
    r"|\bby administrator\b|durch administrator"
)
# In what is called a refused logon, less is enough. saprfclib begins all of its own with `logon failed`.
_REFUSED = re.compile(
    rf"{_OF_ACCOUNTS}|\b((?<!logon )failed|locked|passw\w*|kennw\w*|gesperrt|attempts?)\b", re.IGNORECASE
)
# In what is called a dump, or a failure of the network, which also tell of locked objects and hosts.
_SIGNED_OFF = re.compile(
    rf"CALL_FUNCTION_(SIGNON|SINGLE_LOGIN)_|logon failed|not authorized to log ?on|{_OF_ACCOUNTS}"
    r"|keine Berechtigung zur Anmeldung",
    re.IGNORECASE,
)
# Names of runtime errors (ST22).
_DUMP = re.compile(
    r"(TIME_OUT|TSV_|DBIF_|DBSQL_|SAPSQL_|SYSTEM_CORE|SYSTEM_NO_|SYSTEM_ROLL|STORAGE_|PXA_|MESSAGE_TYPE_|LOAD_"
    r"|SYNTAX_|UNCAUGHT_|RAISE_EXCEPTION|CALL_FUNCTION_|CALL_SYSTEM|CONVT_|CONNE_|COMPUTE_|GETWA_|ASSIGN_"
    r"|ASSERTION_|MEMORY_|STRING_|TABLE_INVALID|TABLE_FREE|ITAB_|BCD_|DATA_LENGTH|DATA_OFFSET|OBJECTS_|RFC_)"
)
_LOGON = (
    "it is not tried again, for accounts are locked after a few attempts: check {user} of client {client} in"
    " SU01 (password, lock, validity), and `user`, `password` and `client`; then `legacy-bridge resume`"
)
_CALLED = "grant {user} S_RFC for {function} (RFC_TYPE FUNC, RFC_NAME {function}, ACTVT 16)"
_READ = "grant {user} S_TABU_NAM for {table} (ACTVT 03), or S_TABU_DIS for its authorization group"
_REMEDIES: Mapping[Kind, str] = {
    Kind.COMMUNICATION: "it is tried again; check that the system runs and that its gateway can be reached",
    Kind.LOGON: _LOGON,
    Kind.AUTHORISATION: "look with SU53 or STAUTHTRACE which authorisation {user} lacks",
    Kind.FUNCTION: "check the name in SE37, and that its processing type is Remote-Enabled Module",
    Kind.RAISED: "look in SE37 what the exception means",
    Kind.FAILURE: "it is tried again; look into ST22 and SM21",
    Kind.CONFIG: "check the connection's options and the client library",
    Kind.CLIENT: "check the parameters against the function's interface in SE37",
}
_CONDITION = (
    "check `where`: Open SQL with the columns of {table}; or name a `reader` that takes words of SQL in it"
)
_CONDITION_ERRORS = (
    "SAPSQL_PARSE_ERROR",
    "SAPSQL_DATA_LOSS",
    "SAPSQL_INVALID_FIELDNAME",
    "SAPSQL_LIKE_VAL_TYPE",
    "SAPSQL_WHERE_ILLEGAL_VALUE",
    "SAPSQL_WHERE_MISSING_OPERATOR",
    "SAPSQL_WHERE_MISSING_VALUE",
    "SAPSQL_WHERE_PARENTHESES",
    "SAPSQL_WHERE_QUOTES",
    "SAPSQL_WHERE_UNKNOWN_OPERATOR",
    "SAPSQL_BETWEEN_MISSING_AND",
    "SAPSQL_IN_ILLEGAL_LIST",
    "SAPSQL_MISSING_LOG_CONDITION",
)
"""ABAP Keyword Documentation, "Open SQL - Exceptions"."""
_OF_READERS: Mapping[str, tuple[type[BridgeError], str]] = {
    "TABLE_NOT_AVAILABLE": (GoneError, "there is no table or view {table} in the active dictionary"),
    "TABLE_WITHOUT_DATA": (
        AbapError,
        "only tables and views have rows, and later releases say so of columns that {table} does not have",
    ),
    "OPTION_NOT_VALID": (AbapError, _CONDITION),
    **dict.fromkeys(_CONDITION_ERRORS, (AbapError, _CONDITION)),
    "FIELD_NOT_VALID": (AbapError, "{table} has no such column; check `fields`, `columns` and `key`"),
    "DATA_BUFFER_EXCEEDED": (AbapError, "a row of `fields` is too long for {function}; name fewer"),
    "NOT_FOUND": (GoneError, "there is no {table} in the active dictionary"),
}
"""Exceptions of RFC_READ_TABLE, its successors and DDIF_FIELDINFO_GET, and dumps that would come again."""
_LONGEST = 300
_SECRET = re.compile(
    r"((?:passw\w*|pwd|mysapsso2?|x509cert|secret|token|ticket)['\"]?\s*[=:]\s*['\"]?)[^;&,\s)'\"\]}]+",
    re.IGNORECASE,
)
_HOP_PASSWORD = re.compile(r"(/[PW]/)[^/\s]+", re.IGNORECASE)
_LIBRARIES = (
    "pyrfc", "_cyrfc", "saprfclib", "connectors.sap_rfc.clients.", "com.sap.", "jpype.", "_jpype.", "java.",
)  # fmt: skip


def fault(error: BaseException) -> Fault:
    """What an exception of any client says."""
    key = str(_of(error, "key", "getKey") or "").strip()
    text = str(_of(error, "message", "getMessage") or error).strip() or type(error).__name__
    if key in _SAYS_NOTHING:
        key = next((named for named, says in _BY_TEXT.items() if says.search(text)), key)
    kind = _kind(error, key)
    if kind is Kind.RAISED and (_DUMP.match(key) or getattr(error, "msg_type", "") == "X"):
        kind = Kind.FAILURE  # which saprfclib does not tell from exceptions
    if kind is Kind.LOGON and _is_busy(text):
        kind = Kind.COMMUNICATION
    return Fault(kind, key, f"{text} ({key})" if key and key not in text else text)


def translate(error: BaseException, asked: Asked, secrets: Sequence[str] = ()) -> BridgeError:
    """The exception to raise for one of a client's."""
    found = fault(error)
    if asked.is_logon:
        found = replace(found, kind=_at_logon(found))
    by_reader = asked.table and found.kind in (Kind.RAISED, Kind.FAILURE)
    of_reader = _OF_READERS.get(found.key) if by_reader else None
    raised = of_reader[0] if of_reader else _ERRORS[found.kind]
    text = f"{asked.doing}: {masked(found.text, secrets)}"
    remedy = _filled(of_reader[1] if of_reader else _remedy(found, asked), asked)
    if issubclass(raised, AbapError):
        return raised(text, remedy=remedy, key=found.key)
    return raised(text, remedy=remedy)


def is_the_clients(error: BaseException) -> bool:
    """Did it come from a client or the network? Anything else is a bug, and no matter of SAP's."""
    modules = (f"{each.__module__}." for each in type(error).__mro__)
    return isinstance(error, OSError | EOFError) or any(name.startswith(_LIBRARIES) for name in modules)


def masked(text: str, secrets: Sequence[str] = ()) -> str:
    """One line without secrets: those that are known, and what stands where secrets stand."""
    forms = {form for secret in secrets if secret for form in (secret, repr(secret)[1:-1])}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    line = " ".join(_HOP_PASSWORD.sub(r"\1***", _SECRET.sub(r"\1***", text)).split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."


def _kind(error: BaseException, key: str) -> Kind:
    if key in _BY_KEY:
        return _BY_KEY[key]
    group = _of(error, "getGroup")
    if group is not None:
        return _BY_GROUP.get(int(group), Kind.CLIENT)
    names = (each.__name__ for each in type(error).__mro__)
    return next((_BY_CLASS[name] for name in names if name in _BY_CLASS), Kind.CLIENT)


def _is_busy(text: str) -> bool:
    return bool(_BUSY.search(text)) and not _REFUSED.search(text)


def _at_logon(found: Fault) -> Kind:
    """What it is where no function was called yet: clients have several words for a refusal."""
    if found.kind is Kind.CLIENT:
        return Kind.CONFIG
    failed = found.kind in (Kind.FAILURE, Kind.COMMUNICATION)
    if failed and _SIGNED_OFF.search(f"{found.key} {found.text}") and not _is_busy(found.text):
        return Kind.LOGON
    return found.kind


def _of(error: BaseException, *names: str) -> Any:
    """An attribute, or what a getter of Java's returns."""
    for name in names:
        value = getattr(error, name, None)
        if value is not None:
            return value() if callable(value) else value
    return None


def _remedy(found: Fault, asked: Asked) -> str:
    if found.kind is Kind.AUTHORISATION and found.key.startswith("RFC_"):
        return _CALLED
    if found.kind is Kind.AUTHORISATION and asked.table:
        return _READ
    return _REMEDIES[found.kind]


def _filled(remedy: str, asked: Asked) -> str:
    return remedy.format(
        user=asked.user or "the account",
        client=asked.client,
        function=asked.function or "the function",
        table=asked.table or "the table",
    )
