"""The bridge's conformance suite against this connector: `pip install . && pytest`."""

import pytest

from bridge import plugins
from bridge.contract import Ask
from bridge.errors import PermanentError
from bridge.testing.conformance import Conformance, Subject


class Drops(Subject):
    def __init__(self, folder):
        self.folder, self.files, self.lines = folder, 0, 0

    def connector(self):
        return self.reading(self.folder)

    def reading(self, folder):
        kind = plugins.load("csv_drop")
        return kind(kind.Config(folder=folder, columns={"id": "int64", "name": "string"}))

    def add(self, count):
        self.files += 1
        lines = [f"{self.lines + number},name {number}" for number in range(count)]
        self.lines += count
        (self.folder / f"{self.files:06}.csv").write_text("\n".join(["id,name", *lines]))

    def unreachable(self):
        return self.reading(self.folder / "not mounted")


class TestCsvDrop(Conformance):
    @pytest.fixture
    def subject(self, tmp_path):
        return Drops(tmp_path)

    def test_a_file_that_does_not_fit_stops_the_stream(self, subject, tmp_path):
        (tmp_path / "spoilt.csv").write_text("id,name\nthree,name 3\n")
        connector = subject.connector()
        connector.open()
        (stream,) = connector.discover()
        with pytest.raises(PermanentError, match="invalid value 'three'; mend the file"):
            connector.poll(stream, None, Ask())
