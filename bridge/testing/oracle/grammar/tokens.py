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
            name = text[1:].strip()
            return Token(Mark.BIND, name[1:-1] if name[0] == '"' else name.upper(), start)
        case "number":
            return Token(Mark.NUMBER, text, start)
        case "word":
            return Token(Mark.WORD, text.upper(), start)
    return Token(Mark.SIGN, {"!=": "<>", "^=": "<>"}.get(text, text), start)
