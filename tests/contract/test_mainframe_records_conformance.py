"""Extract files and Java connectors fulfil the contract, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.contract import Connector
from bridge.testing.conformance import Conformance, Subject
from connectors.mainframe import MainframeConnector
from tests.integration.mainframe_records import java_jar
from tests.integration.mainframe_streams import written

COPYBOOK = "       01 R.\n           05 ID PIC 9(6).\n           05 NAME PIC X(6).\n"


class Extract(Subject):
    """A file that is replaced by a longer one; its marker says so of one without records, too."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, 0
        (folder / "R.cpy").write_text(COPYBOOK)
        self.add(0)

    def made(self, **stream: Any) -> Connector:
        whole = {"path": str(self.folder / "R.dat"), "copybook": str(self.folder / "R.cpy"), "key": ["id"]}
        options = {"transport": "file", "streams": {"rows": {**whole, "done": "{path}.done", **stream}}}
        return MainframeConnector(MainframeConnector.Config.model_validate(options))

    def connector(self) -> Connector:
        return self.made()

    def add(self, count: int) -> None:
        self.rows += count
        part = self.folder / "part"
        part.write_bytes("".join(f"{number:06}ROW   " for number in range(self.rows)).encode("cp037"))
        part.rename(self.folder / "R.dat")
        (self.folder / "R.dat.done").touch()

    def unreachable(self) -> Connector:
        return self.made(path=str(self.folder / "not mounted" / "R.dat"))

    def misconfigured(self) -> Connector:
        return self.made(key=["number"])


class Jar(Subject):
    """A connector in a jar, asked for the keys of a file."""

    def __init__(self, folder: Path, jar: Path) -> None:
        self.keys, self.jar = folder / "keys.csv", jar
        written(self.keys, "customer_id\n700\n")

    def made(self, **options: Any) -> Connector:
        asked = {"CUSTOMER_ID": "{customer_id}", "REQUEST_TYPE": "BALANCE"}
        stream = {
            "execute": {"method": "executeTransaction", "arguments": ["CUSTINQ", asked]},
            "answer": "getScreenData",
            "screen": "custinq",
            "key": ["customer_id"],
            "keys": {"file": str(self.keys)},
            "missing_null": True,
        }
        fields = {"customer_id": {"label": "CUSTOMER ID:"}, "name": {"label": "NAME:"}}
        whole = {
            "transport": "java", "jars": [str(self.jar)], "class": "in.house.MainframeConnector",
            "arguments": ["{host}", "{port}"], "host": "mvs1", "port": 3270,
            "connect": "connect", "disconnect": "disconnect", "streams": {"customers": stream},
            "screens": {"custinq": {"identify": [{"row": 1, "text": "CUSTOMER INQUIRY"}], "fields": fields}},
        }  # fmt: skip
        return MainframeConnector(MainframeConnector.Config.model_validate({**whole, **options}))

    def connector(self) -> Connector:
        return self.made()

    def add(self, count: int) -> None:
        rows = len(self.keys.read_text().splitlines()) - 1
        more = "".join(f"{1000 + rows + number}\n" for number in range(count))
        written(self.keys, self.keys.read_text() + more)

    def unreachable(self) -> Connector:
        return self.made(port=1)

    def misconfigured(self) -> Connector:
        return self.made(**{"class": "in.house.Nothing"})


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return java_jar(tmp_path_factory.mktemp("in-house"))


class TestExtractFile(Conformance):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Extract:
        return Extract(tmp_path)


class TestJavaConnector(Conformance):
    @pytest.fixture
    def subject(self, tmp_path: Path, jar: Path) -> Jar:
        return Jar(tmp_path, jar)
