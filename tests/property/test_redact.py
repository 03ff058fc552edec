"""No planted secret survives redaction, and no ordinary number is taken for a card."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Callable, Iterator

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.contract import Secret
from bridge.redact import MASK, WHOLE_WORD_BELOW, Redactor, redact_patterns

ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "json": lambda text: json.dumps(text)[1:-1],
    "json with unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps({"a": text})),
    "repr": lambda text: repr(text)[1:-1],
    "repr of a mapping": lambda text: repr({"a": text, "b": "it's"}),
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of an exception": lambda text: repr(ValueError(f"bad 'value' {text}")),
    "url path": urllib.parse.quote,
    "url component": lambda text: urllib.parse.quote(text, safe=""),
    "url lower case": lambda text: re.sub(
        "%..", lambda match: match[0].lower(), urllib.parse.quote(text, safe="")
    ),
    "form": urllib.parse.quote_plus,
    "url in url": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "html": html.escape,
    "upper case": lambda text: text.upper() if len(text.upper()) == len(text) and text.isascii() else text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for urls": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hexadecimal": lambda text: text.encode().hex(),
}
# The mask itself is made of asterisks, so a secret with asterisks could come to be out of two masks.
secrets = st.text(
    st.characters(codec="utf-8", exclude_characters="*"), min_size=WHOLE_WORD_BELOW, max_size=40
).filter(lambda text: text.strip() == text)
surroundings = st.text(max_size=30)


def revealed(*values: str) -> Redactor:
    secret = Secret("env:PLANTED")
    secret.revealed.update(values)
    return Redactor([secret])


@example(secret="pa ss/w+rd=%25", before="", after="")
@example(secret="a\"b\\c'd\n", before="", after="")
@given(secret=secrets, before=surroundings, after=surroundings)
def test_a_planted_secret_does_not_survive(secret: str, before: str, after: str) -> None:
    redactor = revealed(secret)
    for how, encode in ENCODINGS.items():
        encoded = encode(secret)
        redacted = redactor.redact(before + encoded + after)
        assert encoded not in redacted, how
        assert secret not in redacted, how


@settings(max_examples=60)
@given(st.lists(secrets, min_size=1, max_size=5), st.data())
def test_several_secrets_do_not_protect_each_other(planted: list[str], data: st.DataObject) -> None:
    text = " ".join(data.draw(st.permutations(planted)))

    redacted = revealed(*planted).redact(text)

    assert not [secret for secret in planted if secret in redacted]


@given(
    secret=st.text(st.sampled_from("abc123+/é"), min_size=12, max_size=30),
    before=st.binary(max_size=8),
    after=st.binary(max_size=8),
)
def test_base64_of_a_longer_text_does_not_give_the_secret_away(
    secret: str, before: bytes, after: bytes
) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()

    left = revealed(secret).redact(f"<{encoded}>").replace(MASK, "\n")

    assert not [piece for piece in left.split() if secret.encode() in decoded(piece.strip("<>="))]


def decoded(base64_text: str) -> bytes:
    """As much as can be read of a piece cut out of some base64, at each of the four places it can begin."""
    pieces = (base64_text[start:] for start in range(4))
    return b"\n".join(base64.b64decode(piece[: len(piece) // 4 * 4]) for piece in pieces)


@given(st.dictionaries(secrets, st.lists(st.one_of(secrets, st.integers(), st.none()))), secrets)
def test_no_secret_survives_in_a_structure(structure: dict[str, list[object]], secret: str) -> None:
    cleaned = revealed(secret).clean({"kept": structure, secret: [secret, {"inner": f"<{secret}>"}]})

    assert not [text for text in texts(cleaned) if secret in text]


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for pair in value.items() for part in pair for text in texts(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in texts(part))
    elif value is not None:
        yield str(value)


def with_check_digit(digits: str) -> str:
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(digits))]
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return digits + str(-total % 10)


cards = st.text(st.sampled_from("0123456789"), min_size=12, max_size=18).map(with_check_digit)
words = st.text(st.characters(exclude_categories=["Nd", "Nl", "No"]), max_size=10).map(
    lambda text: text.rstrip(" -")
)


@given(cards, words, words)
def test_a_card_number_is_masked_wherever_it_stands(card: str, before: str, after: str) -> None:
    assert card not in redact_patterns(f"{before}{card}{after}")


@given(
    st.text(st.sampled_from("0123456789"), min_size=15, max_size=15).map(with_check_digit),
    st.sampled_from(" -"),
)
def test_a_card_number_in_groups_is_masked(card: str, separator: str) -> None:
    grouped = separator.join(card[at : at + 4] for at in range(0, 16, 4))

    assert redact_patterns(f"card {grouped}, valid") == f"card {MASK}, valid"


@given(cards, st.integers(1, 9))
def test_a_number_that_fails_luhn_stays(card: str, off: int) -> None:
    number = card[:-1] + str((int(card[-1]) + off) % 10)

    assert redact_patterns(f"position {number} reached") == f"position {number} reached"


@given(
    st.one_of(
        st.text(st.sampled_from("0123456789"), max_size=12),
        st.text(st.sampled_from("0123456789"), min_size=20),
    )
)
def test_a_number_too_short_or_long_for_a_card_stays(number: str) -> None:
    assert redact_patterns(f"scn={number}") == f"scn={number}"


@given(st.text(st.characters(exclude_characters="@"), max_size=200))
def test_redaction_never_fails_and_is_stable(text: str) -> None:
    once = redact_patterns(text)

    assert redact_patterns(once) == once
