"""The mainframe connector. Light on purpose: what a transport needs is loaded in the worker alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

from pydantic import Field

from bridge.contract import Ask, Batch, Connector, Finding, Position, Sessions, Stream
from connectors.mainframe.config import InquiryStream, ListStream, MainframeConfig
from connectors.mainframe.records.files import FileSource, check_position
from connectors.mainframe.records.options import FileOptions, FileStream
from connectors.mainframe.screens import ScreenSource, check_place


class Source(Protocol):
    """What a transport does of what a connector has to do, with the same errors."""

    def open(self) -> None: ...
    def discover(self) -> Sequence[Stream]: ...
    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch: ...
    def check(self) -> Sequence[Finding]: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class AnyTransport(FileOptions, MainframeConfig):
    """All options of all transports, for those who look them up; `model_validate` makes one transport's."""

    transport: Literal["s3270", "tnz", "file"] = Field(  # type: ignore[assignment]
        default="s3270",
        description="s3270: screens, by that program; tnz: screens, by Python alone; file: extract files",
    )
    host: str = Field(default="", description="name or address of the TN3270 server")
    streams: Mapping[str, ListStream | InquiryStream | FileStream] = Field(  # type: ignore[assignment]
        default={}, description="stream name -> its options"
    )

    @classmethod
    def model_validate(cls, obj: Any, **how: Any) -> Any:
        """Errors: pydantic's, of the one transport that is asked for."""
        transport = obj.get("transport") if isinstance(obj, Mapping) else None
        model = FileOptions if transport == "file" else MainframeConfig
        return model.model_validate(obj, **how)


class MainframeConnector(Connector):
    """3270 screens, lists and inquiries; and extract files. What is not recognised is never a row."""

    Config: ClassVar[type[AnyTransport]] = AnyTransport

    def __init__(self, config: MainframeConfig | FileOptions) -> None:
        super().__init__(config)
        self._screens = isinstance(config, MainframeConfig)
        self._source: Source
        if isinstance(config, FileOptions):
            self._source = FileSource(config)
            return
        self._source = ScreenSource(config, lambda: self.folder)
        self.answers_within_s = config.timeout
        self.sessions = Sessions(config.account, config.sessions)

    def prepare(self) -> None:
        if isinstance(self._source, ScreenSource):
            self._source.prepare()

    def open(self) -> None:
        self._source.open()

    def discover(self) -> Sequence[Stream]:
        return self._source.discover()

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        return self._source.poll(stream, position, ask)

    def check_position(self, stream: str, position: Position) -> None:  # noqa: ARG002 -- all are alike
        (check_place if self._screens else check_position)(position)

    def check(self) -> Sequence[Finding]:
        return self._source.check()

    def interrupt(self) -> None:
        self._source.interrupt()

    def close(self) -> None:
        self._source.close()
