"""The words of a copybook, with the place of each: fixed and free format, COPY with REPLACING."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bridge.errors import ConfigError

type Format = Literal["auto", "fixed", "free"]

_LAST_COLUMN = 72
_INDICATOR = 6
_DEEPEST = 16
_SUFFIXES = ("", ".cpy", ".CPY", ".cbl", ".CBL", ".cob", ".COB", ".copy", ".txt")
_WORD = re.compile(
    r"""==.*?==|[XNxn]?'(?:[^']|'')*'|[XNxn]?"(?:[^"]|"")*"|(?:(?!==)[^\s'"])+|['"].*""", re.DOTALL
)
# What a compiler's listing obeys.
_DIRECTIVE = re.compile(r"""\s*(EJECT|SKIP[123]|TITLE\s*['"].*)\s*\.?\s*""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """A word, literal, pseudo-text or the full stop that ends an entry (".")."""

    text: str
    file: Path
    line: int

    @property
    def upper(self) -> str:
        return self.text.upper()

    def error(self, text: str, remedy: str = "") -> ConfigError:
        return ConfigError(f"{self.file}:{self.line}: {text}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class Library:
    """Where copybooks are, and how they are written."""

    folders: tuple[Path, ...] = ()
    format: Format = "auto"
    opened: list[Path] = field(default_factory=list)
    """All files that were read."""

    def find(self, word: Word, name: str) -> Path:
        """The copybook that a COPY names: beside the file that asks, then in the folders."""
        folders = (word.file.parent, *self.folders)
        names = [spelled + suffix for spelled in (name, name.upper(), name.lower()) for suffix in _SUFFIXES]
        found = (folder / each for folder in folders for each in names)
        path = next((path for path in found if path.is_file()), None)
        if path is None:
            raise word.error(f"COPY {name}: there is no such copybook", "add its folder to copybook_folders")
        return path


def words(path: Path, library: Library) -> list[Word]:
    """All words of a copybook and of those it copies. Errors: ConfigError with file and line."""
    return list(_copied(path, library, 0))


def _copied(path: Path, library: Library, depth: int) -> Iterator[Word]:
    library.opened.append(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", remedy="check the copybook's path") from None
    stream = _words(path, _lines(text, library.format))
    for word in stream:
        if word.upper == "REPLACE":
            raise word.error("REPLACE is not supported", "use COPY … REPLACING, or replace it in the file")
        if word.upper != "COPY":
            yield word
            continue
        if depth == _DEEPEST:
            raise word.error("copybooks copy each other without end")
        name, replacing = _copy(word, stream)
        yield from _replaced(list(_copied(library.find(word, name), library, depth + 1)), replacing)


# -- lines


def _lines(text: str, form: Format) -> list[tuple[int, str]]:
    """Number and code of each line, without comments; continued lines are joined."""
    lines = [(at, line.expandtabs(8).rstrip()) for at, line in enumerate(text.splitlines(), 1)]
    lines = [(at, line) for at, line in lines if line.strip()]
    if form == "fixed" or (form == "auto" and all(_is_fixed(line) for _, line in lines)):
        return _fixed(lines)
    found = ((at, _without_comment(line)) for at, line in lines if not _DIRECTIVE.fullmatch(line))
    return [(at, code) for at, code in found if code.strip()]


def _is_fixed(line: str) -> bool:
    """Columns 1 to 6 are blank or one number or mark, column 7 is an indicator's."""
    sequence, indicator = line[:_INDICATOR], line[_INDICATOR : _INDICATOR + 1]
    return (
        sequence.isspace() or (sequence.isalnum() and len(sequence) == _INDICATOR)
    ) and indicator in " *-/dD"


def _fixed(lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    joined: list[tuple[int, str]] = []
    for at, line in lines:
        indicator, code = line[_INDICATOR : _INDICATOR + 1], line[_INDICATOR + 1 : _LAST_COLUMN]
        if (indicator in "*/Dd" and indicator) or _DIRECTIVE.fullmatch(code):
            continue
        if indicator == "-" and joined:
            joined[-1] = (joined[-1][0], _continued(joined[-1][1], code.lstrip()))
        elif code.strip():
            joined.append((at, _without_comment(code)))
    return joined


def _continued(begun: str, rest: str) -> str:
    """A literal goes on behind the quote that the line begins with, and up to column 72 before it."""
    quote = rest[:1]
    if quote in ("'", '"') and begun.count(quote) % 2:
        return begun.ljust(_LAST_COLUMN - _INDICATOR - 1) + rest[1:]
    return begun.rstrip() + rest


def _without_comment(line: str) -> str:
    if line.lstrip().startswith("*"):
        return ""
    at = line.find("*>")
    return line if at < 0 or line[:at].count("'") % 2 or line[:at].count('"') % 2 else line[:at]


# -- words


def _words(path: Path, lines: Sequence[tuple[int, str]]) -> Iterator[Word]:
    """Pseudo-text may go over several lines."""
    text = "\n".join(code for _, code in lines)
    starts, at = [], 0
    for number, code in lines:
        starts.append((at, number))
        at += len(code) + 1
    places = iter(starts)
    ahead = next(places, None)
    number = 0
    for match in _WORD.finditer(text):
        while ahead and ahead[0] <= match.start():
            number, ahead = ahead[1], next(places, None)
        yield from _split(Word(match[0], path, number), text[match.end() : match.end() + 1])


def _split(word: Word, following: str) -> Iterator[Word]:
    """The full stop, and commas and semicolons that say nothing, stand at the end of a word."""
    text = word.text
    if text[0] in "'\"" and not (len(text) > 1 and text[-1] == text[0]):
        raise word.error(f"the literal {text[:20]} has no end")
    if following.strip() or (text.startswith("==") and len(text) > 1):
        yield word
        return
    bare = text.rstrip(".,;")
    if bare:
        yield replace(word, text=bare)
    if text[len(bare) :].rstrip(",;").endswith("."):
        yield replace(word, text=".")


# -- COPY


@dataclass(frozen=True, slots=True)
class _Exchange:
    """Of words in a row, or of a part of one word."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    part: str = ""
    """The pattern of such a part."""

    def fits(self, words: Sequence[Word], at: int) -> bool:
        if self.part:
            return re.search(self.part, words[at].text, re.IGNORECASE) is not None
        return tuple(word.upper for word in words[at : at + len(self.old)]) == self.old


def _copy(word: Word, stream: Iterator[Word]) -> tuple[str, list[_Exchange]]:
    """The name behind COPY, and what is to be replaced; the full stop is consumed."""
    statement: list[Word] = []
    for each in stream:
        if each.text == ".":
            break
        statement.append(each)
    else:
        raise word.error("COPY without a full stop")
    if not statement:
        raise word.error("COPY names no copybook")
    name, rest = statement[0].text.strip("'\""), statement[1:]
    if rest and rest[0].upper in ("OF", "IN"):
        rest = rest[2:]
    if rest and rest[0].upper == "SUPPRESS":
        rest = rest[1:]
    if rest and rest[0].upper != "REPLACING":
        raise rest[0].error(f"COPY: {rest[0].text} is not understood")
    return name, list(_exchanges(rest[1:]))


def _exchanges(rest: Sequence[Word]) -> Iterator[_Exchange]:
    at = 0
    while at < len(rest):
        side = rest[at].upper if rest[at].upper in ("LEADING", "TRAILING") else ""
        at += bool(side)
        if at + 2 >= len(rest) or rest[at + 1].upper != "BY":
            raise rest[min(at, len(rest) - 1)].error("REPLACING is not of the form … BY …")
        old = _operand(rest[at])
        if not old:
            raise rest[at].error("REPLACING replaces nothing")
        yield _exchange(old, _operand(rest[at + 2]), side)
        at += 3


def _operand(word: Word) -> list[str]:
    text = word.text
    if not text.startswith("=="):
        return [text]
    return [each.text for each in _words(word.file, [(word.line, text[2:-2])])]


def _exchange(old: Sequence[str], new: Sequence[str], side: str) -> _Exchange:
    one = "".join(old)
    whole = tuple(text.upper() for text in old)
    if not side and not re.fullmatch(r"[:(].*[:)]|.*[-_]", one):
        return _Exchange(whole, tuple(new))
    pattern = re.escape(one)
    return _Exchange(
        whole, tuple(new), {"LEADING": f"^{pattern}", "TRAILING": f"{pattern}$"}.get(side, pattern)
    )


def _replaced(words: Sequence[Word], exchanges: Sequence[_Exchange]) -> Iterator[Word]:
    """In one pass: the first that fits counts, and what it brings is not replaced again."""
    parts = [each for each in exchanges if each.part]
    at = 0
    while at < len(words):
        word = words[at]
        exchange = next((each for each in exchanges if each.fits(words, at)), None)
        if exchange is None:
            yield word
        elif not exchange.part:
            yield from (replace(word, text=text) for text in exchange.new)
        elif text := _within(word.text, parts):
            yield replace(word, text=text)
        at += len(exchange.old) if exchange and not exchange.part else 1


def _within(text: str, parts: Sequence[_Exchange]) -> str:
    pattern = "|".join(f"({each.part})" for each in parts)
    return re.sub(
        pattern, lambda found: "".join(parts[(found.lastindex or 1) - 1].new), text, flags=re.IGNORECASE
    )
