"""Write the tables of docs/configuration.md anew from the models: python scripts/document_options.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bridge.cli.connectors import options
from bridge.config.options import (
    ConnectorOptions,
    Daemon,
    LogOptions,
    PrefetchOptions,
    Settings,
    StreamOptions,
    Topics,
    TransactionOptions,
)
from bridge.encode import EncoderOptions
from connectors.jdbc.config import JdbcConfig, JdbcStream
from connectors.mainframe.config import (
    Detail,
    InquiryStream,
    ListStream,
    MainframeConfig,
    Select,
    Step,
    TlsOptions,
)
from connectors.mainframe.records.java_options import JavaOptions, JavaStream
from connectors.mainframe.records.options import FileOptions, FileStream
from connectors.oracle.config import OracleConfig, OracleStream, OracleTls
from connectors.sap_rfc import config as sap
from connectors.sap_rfc import streams as sap_streams

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
TABLE = re.compile(r"(<!-- options of (\w+) -->\n)(?:\|.*\n)*")
MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        Settings,
        Topics,
        Daemon,
        LogOptions,
        ConnectorOptions,
        TransactionOptions,
        PrefetchOptions,
        EncoderOptions,
        StreamOptions,
        JdbcConfig,
        JdbcStream,
        MainframeConfig,
        TlsOptions,
        Step,
        ListStream,
        Detail,
        Select,
        InquiryStream,
        FileOptions,
        FileStream,
        JavaOptions,
        JavaStream,
        OracleConfig,
        OracleStream,
        OracleTls,
    )
} | {
    f"Sap{model.__name__.removeprefix('Sap')}": model
    for model in (
        sap.SapConfig,
        sap.Snc,
        sap.Gateway,
        sap_streams.SapStream,
        sap_streams.Cap,
        sap_streams.Pages,
        sap_streams.Detail,
    )
}
DURATION, SIZE, SHARE = "like 5s", "like 64 MiB", "like 10%"
TYPES = {DURATION: "duration", SIZE: "size", SHARE: "share", "anything": "mapping"}
FORMS: dict[str, Callable[[Any], str]] = {
    DURATION: lambda seconds: f"{seconds:g}s",
    SIZE: lambda octets: f"{octets / 2**20:g} MiB",
    SHARE: lambda share: f"{share:.0%}",
}
OF_THE_MACHINE = ("run_dir",)


def written(page: str) -> str:
    """The page with every table as the models have it."""
    return TABLE.sub(lambda found: found[1] + "".join(f"{row}\n" for row in rows(MODELS[found[2]])), page)


def rows(model: type[BaseModel]) -> Iterator[str]:
    """A Markdown table of a model's options."""
    yield "| option | value | default | |"
    yield "|---|---|---|---|"
    for option in options(model):
        cells = (f"`{option['name']}`", value(option), default(option), option["description"])
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def value(option: dict[str, Any]) -> str:
    """What an option takes, in a word."""
    return TYPES.get(str(option["type"]), str(option["type"]))


def default(option: dict[str, Any]) -> str:
    """A default as an operator would write it."""
    if option["required"]:
        return "required"
    if option["name"] in OF_THE_MACHINE:
        return "see below"
    value = option["default"]
    if value in (None, "", []) or isinstance(value, dict) or option["type"] == "list of mapping":
        return ""
    return f"`{FORMS.get(option['type'], str)(value)}`"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
