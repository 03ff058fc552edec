"""Secrets, passwords in URLs and card numbers do not leave through logs, statuses and dead letters. Pure.

Masking a little too much is right here; ordinary text, and numbers that fail Luhn's check, stay.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bridge.contract import Secret

MASK = "***"
WHOLE_WORD_BELOW = 4
"""A shorter secret is masked only where it stands as a word of its own: masking every `a` ruins a log."""
LEAST_BASE64 = 8
"""Fewer characters out of the base64 of a longer text would fit by chance."""
LEAST_LINE = 8
"""Lines of a multi-line secret (a PEM key) from this length on are secrets by themselves."""

_WORDS = r"passw(?:or)?d|pwd|passphrase|secret"
_NAME = rf"{_WORDS}|token|(?:api|secret|access|private|crypt)[._-]?key|(?<!load)credentials?"
"""systemd's LoadCredential= names a file."""
_NAMES_A_SECRET = re.compile(rf"(?:{_NAME}|ssl\.key\.pem|private\.key\.pem)$", re.IGNORECASE)
_QUOTED = r"""(?P<quote>\\*["'])(?:\\.|[^\\])*?(?<!\\)(?P=quote)"""
_PAIR = re.compile(
    rf"""(?P<name>(?:{_NAME})\\*["']?[ \t]*=>?[ \t]*|(?:{_NAME})\\*["'][ \t]*:[ \t]*"""
    rf"""|(?:{_WORDS})[ \t]*:[ \t]*"""
    rf"""|\bpassword[ \t]+(?=\\*["'])|identified[ \t]+by[ \t]+"""
    rf"""|\bbasic[ \t]+(?=[\w+/]{{8}})|\bbearer[ \t]+(?=[\w.~+/-]{{8}}))"""
    rf"""(?:{_QUOTED}|\{{[^}}]*\}}|\\*["']?[^\s&;"'<>]+)""",
    re.IGNORECASE | re.DOTALL,
)
_PAIR_WORDS = (
    "passw",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "key",
    "credential",
    "identified",
    "basic",
    "bearer",
)
_USERINFO = re.compile(
    r"""(?P<scheme>://)(?:[^\s:/"'@]*:[^\s"']*|[^\s/?#"'@]+)@|(?P<oracle>jdbc:oracle:\w+:)[^\s"'@]+@""",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(
    r"""://[^\s:/"'@]*:[^\s"']*@|jdbc:oracle:\w+:[^\s"'@]+/[^\s"'@]*@|[?&;:]pass=""", re.IGNORECASE
)
_IS_URL = re.compile(r"jdbc:|[a-z][\w+.-]*://", re.IGNORECASE)

_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9]){12}")
_CARD_SHAPES = tuple(
    re.compile(rf"(?<![0-9])(?<![0-9]\.){shape}(?![0-9])")
    for shape in (
        r"[0-9]{13,19}",
        r"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}\1[0-9]{1,3}",
        r"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}",
        r"[0-9]{4}([ -])[0-9]{6}\1[0-9]{4,5}",
    )
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_UNESCAPED = re.compile(r"[0-9A-Za-z]+")
_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a", "\0": "0"}


class Redactor:
    """Masks what the secrets have revealed so far, in every encoding a log is likely to hold it in."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._secrets = tuple(secrets)
        self._known = 0
        self._forms: tuple[_Form, ...] = ()

    def watch(self, secrets: Iterable[Secret]) -> None:
        """Masks these, too, from now on."""
        self._secrets = (*self._secrets, *secrets)

    def redact(self, text: str) -> str:
        """The text without secrets, URL userinfo, `password=` values and card numbers."""
        lowered = text.lower()
        present = [form.pattern for form in self._revealed() if form.anchor in lowered]
        if present:
            text = re.compile("|".join(present), re.IGNORECASE).sub(MASK, text)
        return redact_patterns(text)

    def clean(self, value: Any) -> Any:  # noqa: PLR0911 (one a type)
        """The same shape with every text in it redacted; what JSON does not know becomes redacted text."""
        match value:
            case None | bool() | float():
                return value
            case str():
                return self.redact(value)
            case int():
                masked = self.redact(text := str(value))
                return value if masked == text else masked
            case bytes():
                return self.redact(value.decode("utf-8", "surrogateescape")).encode(
                    "utf-8", "surrogateescape"
                )
            case Mapping():
                return {self.clean(key): self._clean_named(key, inner) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.clean(inner) for inner in value]
            case _:
                return self.redact(str(value))

    def _clean_named(self, key: Any, value: Any) -> Any:
        """A text under a name like `password` is masked whatever it is."""
        hidden = isinstance(key, str) and isinstance(value, str | bytes) and names_a_secret(key)
        return MASK if hidden else self.clean(value)

    def _revealed(self) -> tuple[_Form, ...]:
        """The forms of all revealed values; made anew only when one has been added."""
        known = sum(len(secret.revealed) for secret in self._secrets)
        if known != self._known:
            values = {value for secret in self._secrets for value in tuple(secret.revealed)}
            self._forms, self._known = tuple(_forms_of_all(values)), known
        return self._forms


def redact_patterns(text: str) -> str:
    """The text without URL userinfo, `password=` values and card numbers, whoever's they are."""
    if "@" in text:
        text = _USERINFO.sub(lambda match: f"{match['scheme'] or match['oracle']}{MASK}@", text)
    lowered = text.lower()
    if any(word in lowered for word in _PAIR_WORDS):
        text = _PAIR.sub(
            lambda match: f"{match['name']}{match['quote'] or ''}{MASK}{match['quote'] or ''}", text
        )
    if _DIGITS.search(text):
        for shape in _CARD_SHAPES:
            text = _mask_cards(shape, text)
    return text


def names_a_secret(name: str) -> bool:
    """Whether an option of this name (`sasl.password`, `client_secret`) holds a secret."""
    return _NAMES_A_SECRET.search(name) is not None


def has_secret(text: str) -> bool:
    """Whether a text has a pair like `client_secret=x` in it."""
    return _PAIR.search(text.lower()) is not None


def url_has_password(url: str) -> bool:
    """Whether a URL carries a password, as `user:password@`, or as `password=` among its parameters."""
    return bool(_IS_URL.match(url)) and bool(_URL_PASSWORD.search(url) or _PAIR.search(url))


def _mask_cards(shape: re.Pattern[str], text: str) -> str:
    pieces, done, start = [], 0, 0
    while match := shape.search(text, start):
        start = match.start() + 1
        if _passes_luhn(match[0]):
            pieces += [text[done : match.start()], MASK]
            done = start = match.end()
    return "".join(pieces) + text[done:]


def _passes_luhn(card: str) -> bool:
    digits = [int(digit) for digit in reversed(card) if digit.isdigit()]
    return (sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0


class _Form(NamedTuple):
    """`pattern` fits nowhere in a text without `anchor`, which is found a thousand times faster."""

    anchor: str
    pattern: str


def _forms_of_all(values: Iterable[str]) -> Iterator[_Form]:
    """The longest value first, so that none leaves the rest of a longer one behind."""
    lines = {line for value in values for line in value.splitlines() if len(line) >= LEAST_LINE}
    for value in sorted({*values, *lines}, key=len, reverse=True):
        yield from _forms(value)


def _forms(value: str) -> Iterator[_Form]:
    """A value as it is, escaped (JSON, repr, URL, HTML, any mix), in hexadecimal and base64."""
    plain = "".join(map(_character, value))
    if len(value) < WHOLE_WORD_BELOW:
        yield _Form(_anchor(value), rf"(?<!\w){plain}(?!\w)")
        return
    yield _Form(_anchor(value), plain)
    octets = value.encode("utf-8", "surrogatepass")
    yield _Form(octets.hex(), octets.hex())
    yield from _base64_forms(octets)


def _anchor(text: str) -> str:
    """The longest run of characters that no escaping changes."""
    return max(_UNESCAPED.findall(text), key=len, default="").lower()


def _character(char: str) -> str:
    """A character raw or escaped, whatever number of backslashes or `%25` repeated escaping has left."""
    if char.isascii() and char.isalnum():
        return char
    octets = char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass").hex()
    forms = {
        r"\\*" + re.escape(char) if char != "\\" else r"\\+",
        "".join(rf"%(?:25)*{octet:02x}" for octet in octets),
        "".join(rf"\\+x{octet:02x}" for octet in octets),
        "".join(rf"\\+u{units[at : at + 4]}" for at in range(0, len(units), 4)),
        rf"\\+U{ord(char):08x}",
        re.escape(html.escape(char)),
        rf"&#0*{ord(char)};",
    }
    if len(repr(char)) == len(r"'\xff'"):
        forms.add(rf"\\+x{ord(char):02x}")
    if char in _ESCAPES:
        forms.add(rf"\\+{_ESCAPES[char]}")
    if char == " ":
        forms.add(r"\+")
    return f"(?:{'|'.join(sorted(forms, key=len))})"


def _base64_forms(octets: bytes) -> Iterator[_Form]:
    """The value's own base64, and what it looks like at the three places it can have in a longer text."""
    whole = base64.b64encode(octets).decode().rstrip("=")
    yield _Form(_anchor(whole), _base64_pattern(whole) + "={0,2}")
    for before, unsure in enumerate((0, 2, 3)):
        text = base64.b64encode(bytes(before) + octets).decode()
        end = {0: len(text), 1: -3, 2: -2}[(before + len(octets)) % 3]
        if len(core := text[unsure:end]) >= LEAST_BASE64:
            yield _Form(_anchor(core), _base64_pattern(core))


def _base64_pattern(text: str) -> str:
    return text.replace("+", r"(?:[+-]|%2b)").replace("/", r"(?:\\*/|_|%2f)")
