"""The mainframe connector. Light on purpose: what a transport needs is loaded in the worker alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bridge.contract import Ask, Batch, Connector, ConnectorConfig, Finding, Position, Sessions, Stream
from connectors.mainframe.config import InquiryStream, ListStream, MainframeConfig
from connectors.mainframe.records.files import FileSource, check_position
from connectors.mainframe.records.java import JavaSource
from connectors.mainframe.records.java_options import JavaOptions, JavaStream
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


class AnyTransport(MainframeConfig, JavaOptions, FileOptions):  # type: ignore[misc]
    """All options of all transports, for those who look them up; `model_validate` makes one transport's."""

    transport: Literal["s3270", "tnz", "java", "file"] = Field(  # type: ignore[assignment]
        default="s3270",
        description="s3270: screens, by that program; tnz: screens, by Python alone; java: a Java connector;"
        " file: extract files",
    )
    host: str = Field(default="", description="name or address of the TN3270 server; of java: {host}")
    jars: tuple[str, ...] = Field(default=(), description="of java: its jars, patterns allowed")
    class_: str = Field(default="", alias="class", description="of java: the class that is made")
    streams: Mapping[str, ListStream | InquiryStream | FileStream | JavaStream] = Field(  # type: ignore[assignment]
        default={}, description="stream name -> its options"
    )

    @classmethod
    def model_validate(cls, obj: Any, **how: Any) -> Any:
        """Errors: pydantic's, of the one transport that is asked for."""
        transport = _Asked.model_validate(obj, **how).transport if isinstance(obj, Mapping) else ""
        return _MODELS.get(transport, MainframeConfig).model_validate(obj, **how)


class _Asked(BaseModel):
    """Other options are another's to know."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    transport: Literal["s3270", "tnz", "java", "file"] = "s3270"


_MODELS: Mapping[str, type[ConnectorConfig]] = {"file": FileOptions, "java": JavaOptions}


class MainframeConnector(Connector):
    """3270 screens, Java connectors and extract files. What is not recognised is never a row."""

    Config: ClassVar[type[AnyTransport]] = AnyTransport

    def __init__(self, config: MainframeConfig | JavaOptions | FileOptions) -> None:
        super().__init__(config)
        self._source: Source
        self._check_position = check_place
        match config:
            case FileOptions():
                self._source, self._check_position = FileSource(config), check_position
            case JavaOptions():
                self._source, self.answers_within_s = JavaSource(config), config.timeout
                self.sessions = Sessions(config.account)
            case _:
                self._source, self.answers_within_s = (
                    ScreenSource(config, lambda: self.folder, lambda: self.keys_in),
                    config.timeout,
                )
                self.sessions = Sessions(config.account, config.sessions)

    def prepare(self) -> None:
        if isinstance(self._source, ScreenSource | JavaSource):
            self._source.prepare()

    def open(self) -> None:
        self._source.open()

    def check_options(self) -> None:
        if isinstance(self._source, ScreenSource):
            self._source.check_options()

    def discover(self) -> Sequence[Stream]:
        return self._source.discover()

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        return self._source.poll(stream, position, ask)

    def check_position(self, stream: str, position: Position) -> None:  # noqa: ARG002 -- all are alike
        self._check_position(position)

    def check(self) -> Sequence[Finding]:
        return self._source.check()

    def interrupt(self) -> None:
        self._source.interrupt()

    def close(self) -> None:
        self._source.close()
