"""Dead letters: what could not be published, with its reason, never with a secret. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from codecs import getincrementaldecoder
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bridge.contract import Position, Reject
from bridge.redact import Redactor

if TYPE_CHECKING:
    from bridge.topics import Ends

MAX_RAW = 64 * 1024
MAX_TEXT = 4096
"""Characters of a key or a reason: a letter that no topic takes would hold up its stream for ever."""
LONGEST_SECRET = 4096
"""Bytes that are looked at behind a cut, so that no half of a secret stands before it."""
MAX_EVENT = 8 * 1024 * 1024
"""A larger event is not kept; neither is one for which the dead-letter topic's own limit is too small."""
OVERHEAD = 1024
"""Bytes of a record batch around one letter, and then some."""

TOO_LARGE = "it is too large"
MASKED = "something in it had to be masked"

# Times in milliseconds have as many digits as a card number, and a tenth of them passes Luhn's check.
_TIMES = re.compile(r'"ts_ms":\d+')


class Stage(StrEnum):
    """Which step refused a record."""

    SOURCE = "source"
    ENCODE = "encode"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`payload` is text, or base64 when `encoding` says so.

    `whole`: it is the record as it was, nothing masked or cut; in stage `size` it is the event itself.
    """

    stage: str
    stream: str
    table: str
    topic: str
    reason: str
    key: str | None
    payload: str | None
    encoding: str
    whole: bool
    size: int
    sha256: str
    position: Position | None
    at: str
    unkept: str | None = None
    """Why the payload is missing."""
    topic_id: str = ""
    ends: list[int] = field(default_factory=list)
    """Where the topic's partitions ended, just before the events beside it: what is behind came later."""
    entry: str | None = None
    """What the state calls its row, where it is kept."""

    def record(self, limit: int) -> tuple[bytes, bytes]:
        """Key and value for the dead-letter topic, which takes `limit` bytes."""
        key, value = _dumped([self.stream, self.key]), _dumped(asdict(self))
        if len(key) + len(value) + OVERHEAD > limit:
            if self.payload is not None:
                return replace(self, payload=None, whole=False, unkept=TOO_LARGE).record(limit)
            if self.position is not None:
                return replace(self, position=None).record(limit)
        return key, value

    @property
    def replayable(self) -> bool:
        """It holds the event itself."""
        return self.stage == Stage.SIZE and self.whole

    def of_entry(self, name: bytes | None) -> DeadLetter:
        return replace(self, entry=name.decode()) if name is not None and self.replayable else self

    def placed(self, ends: Ends) -> DeadLetter:
        return replace(self, topic_id=ends.id, ends=ends.offsets)

    @property
    def body(self) -> bytes:
        """The payload's bytes."""
        text = self.payload or ""
        return base64.b64decode(text) if self.encoding == "base64" else text.encode()


@dataclass(frozen=True, slots=True)
class Replayed:
    """A record beside the letters: the one at this place was published later, in the same transaction."""

    partition: int
    offset: int
    by: str
    at: str

    def record(self, letter: DeadLetter) -> tuple[bytes, bytes]:
        return _dumped([letter.stream, letter.key]), _dumped({"replayed": asdict(self)})


def parse(value: bytes) -> DeadLetter | Replayed:
    """A record of the dead-letter topic; fields of newer daemons are passed over. Errors: ValueError."""
    try:
        document = json.loads(value)
        if "replayed" in document:
            return Replayed(**_known(Replayed, document["replayed"]))
        return DeadLetter(**_known(DeadLetter, document))
    except (TypeError, AttributeError) as error:
        raise ValueError("not a dead letter") from error


def _known(kind: type[Any], document: dict[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in document.items() if name in names}


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode(
        errors="backslashreplace"
    )


class Letters:
    """Makes one stream's dead letters; the position is where the batch that held the record ended.

    `at_ms`: since the epoch, as of the events beside them.
    """

    def __init__(self, redactor: Redactor, stream: str, position: Position | None, at_ms: int) -> None:
        self._redactor, self._stream, self._position = redactor, stream, position
        self._at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")

    def rejected(self, reject: Reject, topic: str, key: bytes | None = None) -> DeadLetter:
        """A source record that is no row. `key`: that of its events; else what the connector calls it."""
        text = None if key is None else key.decode()
        if text is None and reject.key is not None:
            text = _dumped(dict(reject.key)).decode()
        return self._letter(Stage.SOURCE, reject.table, topic, reject.reason, text, reject.raw)

    def unencodable(self, table: str, topic: str, reason: str, key: bytes | None, raw: str) -> DeadLetter:
        """A row for which there is no event."""
        text = None if key is None else key.decode(errors="replace")
        return self._letter(Stage.ENCODE, table, topic, reason, text, raw)

    def too_large(self, table: str, topic: str, limit: int, key: bytes | None, value: bytes) -> DeadLetter:
        """An event over the topic's limit; the event itself only when there is nothing in it to mask."""
        remedy = "raise its max.message.bytes or exclude a column"
        reason = f"the event has {len(value)} bytes, topic {topic} takes {limit}; {remedy}"
        text = None if key is None else key.decode(errors="replace")
        letter = self._letter(Stage.SIZE, table, topic, reason, text, "")
        kept, encoding = _as_text(value)
        unkept = TOO_LARGE if len(value) > MAX_EVENT else None
        if unkept is None and (letter.key != text or not self._is_clean(value, kept, encoding)):
            unkept = MASKED
        return replace(
            letter,
            payload=None if unkept else kept,
            encoding=encoding,
            whole=unkept is None,
            unkept=unkept,
            size=len(value),
            sha256=hashlib.sha256(value).hexdigest(),
        )

    def _is_clean(self, event: bytes, text: str, encoding: str) -> bool:
        """There is nothing in it to mask."""
        shown = _TIMES.sub("", event.decode("latin-1") if encoding == "base64" else text)
        return self._redactor.redact(shown) == shown

    def _letter(
        self, stage: Stage, table: str, topic: str, reason: str, key: str | None, raw: bytes | str
    ) -> DeadLetter:
        body = raw.encode(errors="surrogatepass") if isinstance(raw, str) else raw
        payload, encoding, untouched = self._shown(body)
        return DeadLetter(
            stage=stage,
            stream=self._stream,
            table=table,
            topic=topic,
            reason=self._redactor.redact(reason)[:MAX_TEXT],
            key=None if key is None else self._redactor.redact(key)[:MAX_TEXT],
            payload=payload,
            encoding=encoding,
            whole=untouched,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            position=self._position,
            at=self._at,
        )

    def _shown(self, body: bytes) -> tuple[str, str, bool]:
        """Payload, its encoding, and whether nothing of it was masked or cut."""
        seen = body[: MAX_RAW + LONGEST_SECRET]
        try:
            text = getincrementaldecoder("utf-8")().decode(seen, final=len(seen) == len(body))
        except UnicodeDecodeError:
            text = seen.decode("latin-1")
            if self._redactor.redact(text) != text:
                return "", "base64", False
            return base64.b64encode(body[:MAX_RAW]).decode(), "base64", len(body) <= MAX_RAW
        masked = self._redactor.redact(text)
        shown = masked.encode()[:MAX_RAW].decode(errors="ignore")
        return shown, "text", shown == text and len(seen) == len(body)


def _as_text(body: bytes) -> tuple[str, str]:
    try:
        return body.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
