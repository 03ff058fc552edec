"""Dead letters: what could not be published, with its reason, never with a secret. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from bridge.contract import Position, Reject
from bridge.redact import Redactor

MAX_RAW = 64 * 1024


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`payload` is text, or base64 when `encoding` says so.

    `whole`: it is the record as it was, nothing masked or cut.
    """

    stage: str
    """Which step refused: `source`, `encode` or `size`."""
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

    def record(self) -> tuple[bytes, bytes]:
        """Key and value for the dead-letter topic."""
        key = json.dumps([self.stream, self.key], ensure_ascii=False, separators=(",", ":"))
        value = json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"), default=str)
        return key.encode(), value.encode()

    @classmethod
    def parse(cls, value: bytes) -> DeadLetter:
        return cls(**json.loads(value))


class Letters:
    """Makes one stream's dead letters; the position is where the batch that held the record ended."""

    def __init__(self, redactor: Redactor, stream: str, position: Position | None) -> None:
        self._redactor, self._stream, self._position = redactor, stream, position

    def rejected(self, reject: Reject, topic: str) -> DeadLetter:
        """A source record that is no row."""
        key = None if reject.key is None else json.dumps(reject.key, default=str, ensure_ascii=False)
        return self._letter("source", reject.table, topic, reject.reason, key, reject.raw)

    def unencodable(self, table: str, topic: str, reason: str, key: bytes | None, raw: str) -> DeadLetter:
        """A row for which there is no event."""
        text = None if key is None else key.decode(errors="replace")
        return self._letter("encode", table, topic, reason, text, raw)

    def too_large(self, table: str, topic: str, limit: int, key: bytes | None, value: bytes) -> DeadLetter:
        """An event over the topic's limit: key, size and digest only."""
        remedy = "raise its max.message.bytes or exclude a column"
        reason = f"the event has {len(value)} bytes, topic {topic} takes {limit}; {remedy}"
        text = None if key is None else key.decode(errors="replace")
        empty = self._letter("size", table, topic, reason, text, "")
        return replace(
            empty, payload=None, whole=False, size=len(value), sha256=hashlib.sha256(value).hexdigest()
        )

    def _letter(
        self, stage: str, table: str, topic: str, reason: str, key: str | None, raw: bytes | str
    ) -> DeadLetter:
        body = raw.encode(errors="surrogatepass") if isinstance(raw, str) else raw
        payload, encoding = _as_text(body[:MAX_RAW])
        masked = self._redactor.redact(payload) if encoding == "text" else payload
        if encoding == "base64" and self._redactor.redact(body.decode("latin-1")) != body.decode("latin-1"):
            masked = ""
        return DeadLetter(
            stage=stage,
            stream=self._stream,
            table=table,
            topic=topic,
            reason=self._redactor.redact(reason),
            key=None if key is None else self._redactor.redact(key),
            payload=masked,
            encoding=encoding,
            whole=masked == payload and len(body) <= MAX_RAW,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            position=self._position,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )


def _as_text(body: bytes) -> tuple[str, str]:
    try:
        return body.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
