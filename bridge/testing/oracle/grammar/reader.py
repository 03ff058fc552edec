"""A hand on the words of a statement: what comes next, and the error when it is something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge.testing.oracle.datatypes import Type, parse_type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar.tokens import RESERVED, Mark, Token, tokens

if TYPE_CHECKING:
    from bridge.testing.oracle.grammar.syntax import Query

_FOLLOWING = frozenset(
    {
        *("FETCH", "OFFSET", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "USING", "AS"),
        *("VERSIONS", "RETURNING", "END"),
    }
)


class Reader:
    """Reads one statement from left to right. `subquery` reads a query where an expression meets one."""

    def __init__(self, text: str, subquery: Callable[[Reader], Query]) -> None:
        self.text = text
        self.subquery = subquery
        self._tokens = tokens(text)
        self._next = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    def ahead(self, steps: int = 1) -> Token:
        return self._tokens[min(self._next + steps, len(self._tokens) - 1)]

    def advance(self) -> Token:
        token = self.token
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def at(self, *words: str) -> bool:
        """Whether these words and signs come next, one after the other."""
        return all(
            self.ahead(step).text == word and self.ahead(step).mark in (Mark.WORD, Mark.SIGN)
            for step, word in enumerate(words)
        )

    def at_any(self, *words: str) -> bool:
        return self.token.mark in (Mark.WORD, Mark.SIGN) and self.token.text in words

    def take(self, *words: str) -> bool:
        """Pass these words if they come next."""
        if self.at(*words):
            self._next += len(words)
            return True
        return False

    def expect(self, word: str, code: int | None = None) -> None:
        if not self.take(word):
            raise OracleError(code or {"(": 906, ")": 907}.get(word, 905))

    def name(self, code: int = 1747) -> str:
        """One identifier, as the dictionary has it; `code` is what a reserved word is refused with."""
        token = self.token
        if token.mark is Mark.QUOTED or (token.mark is Mark.WORD and token.text not in RESERVED):
            return self.advance().text
        raise OracleError(903) if token.mark is Mark.END else OracleError(code, "")

    def names(self, code: int = 903) -> tuple[str, ...]:
        """An identifier with its qualifiers, a table's unless `code` says otherwise."""
        parts = [self.name(code)]
        while self.take("."):
            parts.append(self.name())
        if self.at("@"):
            raise OracleError(2019)
        return tuple(parts)

    def name_list(self) -> tuple[str, ...]:
        """`(A, B)`."""
        self.expect("(")
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def alias(self) -> str:
        """A correlation name where one stands; empty where none does."""
        token = self.token
        if token.mark is Mark.QUOTED:
            return self.advance().text
        if token.mark is Mark.WORD and token.text not in RESERVED and token.text not in _FOLLOWING:
            return self.advance().text
        return ""

    def type(self) -> Type:
        return parse_type(self.declared())

    def declared(self) -> str:
        """The text of a data type: its words, with what is in parentheses."""
        start = self.token.place
        if self.token.mark not in (Mark.WORD, Mark.QUOTED):
            raise OracleError(902)
        self.advance()
        while True:
            if self.at("("):
                while not self.take(")"):
                    self._within()
            elif self.at(".") or self.at_any(*_TYPE_WORDS):
                self.advance()
            elif self.ahead(-1).text == ".":
                self.name()
            else:
                return self.text[start : self.token.place]

    def _within(self) -> None:
        if self.token.mark is Mark.END:
            raise OracleError(907)
        self.advance()

    def done(self) -> None:
        """Nothing but a closing semicolon may follow."""
        if self.token.mark is not Mark.END:
            raise OracleError(933)


_TYPE_WORDS = frozenset(
    {
        *("WITH", "LOCAL", "TIME", "ZONE", "DAY", "TO", "SECOND", "YEAR", "MONTH", "PRECISION", "VARYING"),
        *("RAW", "CHARACTER", "CHAR"),
    }
)
