"""argparse with one line for each mistake, the nearest spelling in it, and this program's exit code."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import Any, NoReturn

UNKNOWN = 3
"""The exit code for wrong usage: a monitoring system reads argparse's 2 as CRITICAL."""
_INVALID_CHOICE = re.compile(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Of a command or one of its actions, too: what one of them does not know, it says itself.

    Options may stand anywhere, also between two words of which the second may be left out.
    """

    _parsing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._parsing or self._subparsers is not None:  # argparse calls it, up to 3.12 for each half
            return super().parse_known_args(args, namespace)
        self._parsing = True
        try:
            found, rest = super().parse_known_intermixed_args(args, namespace)
        finally:
            self._parsing = False
        if rest:
            options = [option for action in self._actions for option in action.option_strings]
            guess = _nearest(rest[0], options) if rest[0].startswith("-") else ""
            self.error(f"unrecognized: {' '.join(rest)}{guess}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        if invalid := _INVALID_CHOICE.fullmatch(message):
            what, word, choices = invalid[1].lower(), invalid[2], re.findall(r"[\w-]+", invalid[3])
            message = f"no {what} '{word}'" + (
                _nearest(word, choices) or f"; there are: {', '.join(choices)}"
            )
        self.exit(UNKNOWN, f"{self.prog}: {message}; `{self.prog} --help` tells more\n")


def _nearest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
