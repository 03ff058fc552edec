"""The words of a statement (SQL Language Reference, Basic Elements: Literals, Comments, Object Names)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from bridge.testing.oracle.errors import OracleError


class Mark(Enum):
    WORD = auto()
    QUOTED = auto()
    TEXT = auto()
    NUMBER = auto()
    BIND = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A word in upper case, a quoted name or text without its marks, a number, a bind's name, or a sign."""

    mark: Mark
    text: str
    place: int = 0


PSEUDOCOLUMNS = frozenset({"COLUMN_VALUE", "LEVEL", "ROWID", "ROWNUM", "SYSDATE", "UID", "USER"})
"""Reserved, and yet something to read: in an expression they stand for a value."""
RESERVED = frozenset(
    """
    ACCESS ADD ALL ALTER AND ANY AS ASC AUDIT BETWEEN BY CHAR CHECK CLUSTER COLUMN COLUMN_VALUE
    COMMENT COMPRESS CONNECT CREATE CURRENT DATE DECIMAL DEFAULT DELETE DESC DISTINCT DROP ELSE
    EXCLUSIVE EXISTS FILE FLOAT FOR FROM GRANT GROUP HAVING IDENTIFIED IMMEDIATE IN INCREMENT INDEX
    INITIAL INSERT INTEGER INTERSECT INTO IS LEVEL LIKE LOCK LONG MAXEXTENTS MINUS MLSLABEL MODE
    MODIFY NESTED_TABLE_ID NOAUDIT NOCOMPRESS NOT NOWAIT NULL NUMBER OF OFFLINE ON ONLINE OPTION OR
    ORDER PCTFREE PRIOR PUBLIC RAW RENAME RESOURCE REVOKE ROW ROWID ROWNUM ROWS SELECT SESSION SET
    SHARE SIZE SMALLINT START SUCCESSFUL SYNONYM SYSDATE TABLE THEN TO TRIGGER UID UNION UNIQUE
    UPDATE USER VALIDATE VALUES VARCHAR VARCHAR2 VIEW WHENEVER WHERE WITH
    """.split()  # noqa: SIM905 -- as the manual lists them
)
"""SQL Language Reference, Oracle SQL Reserved Words: no names and no binds, unless quoted."""

_PATTERN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<alternative>[nN]?[qQ]'(?P<open>[^\s]))
  | (?P<text>[nN]?'(?:[^']|'')*')
  | (?P<quoted>"[^"]+")
  | (?P<bind>:\s*(?:[A-Za-z][\w$#]*|\d+|"[^"]+"))
  | (?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?(?![\w$#]))
  | (?P<word>[^\W\d_][\w$#]*)
  | (?P<sign>\(\+\)|<>|!=|\^=|<=|>=|\|\||:=|=>|\*\*|\.\.|[-+*/=<>(),.;@:%\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_LONGEST_NAME = 128
_CLOSING = {"[": "]", "{": "}", "<": ">", "(": ")"}


def tokens(text: str) -> list[Token]:
    """All of a statement, closed by an END."""
    found: list[Token] = []
    place = 0
    while place < len(text):
        match = _PATTERN.match(text, place)
        if match is None:
            raise OracleError(1756) if text[place] == "'" else OracleError(911, text[place])
        start, place = place, match.end()
        if match["alternative"]:
            token, place = _alternative(text, match, start)
            found.append(token)
        elif not match["blank"]:
            found.append(_token(match, start))
    return [*found, Token(Mark.END, "", len(text))]


def _alternative(text: str, match: re.Match[str], start: int) -> tuple[Token, int]:
    """The other quotation, q'[...]'."""
    closing = _CLOSING.get(match["open"], match["open"]) + "'"
    end = text.find(closing, match.end())
    if end < 0:
        raise OracleError(1756)
    return Token(Mark.TEXT, text[match.end() : end], start), end + len(closing)


def _token(match: re.Match[str], start: int) -> Token:
    text = match[0]
    if match.lastgroup in ("word", "quoted") and len(text.strip('"')) > _LONGEST_NAME:
        raise OracleError(972)
    match match.lastgroup:
        case "text":
            return Token(Mark.TEXT, text[text.index("'") + 1 : -1].replace("''", "'"), start)
        case "quoted":
            return Token(Mark.QUOTED, text[1:-1], start)
        case "bind":
            return Token(Mark.BIND, _bind(text[1:].strip()), start)
        case "number":
            return Token(Mark.NUMBER, text, start)
        case "word":
            return Token(Mark.WORD, text.upper(), start)
    return Token(Mark.SIGN, {"!=": "<>", "^=": "<>"}.get(text, text), start)


def _bind(name: str) -> str:
    if name[0] == '"':
        return name[1:-1]
    if name.upper() in RESERVED:
        raise OracleError(1745)
    return name.upper()
