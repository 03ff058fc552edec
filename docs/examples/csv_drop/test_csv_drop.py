"""The bridge's conformance suite against this connector: `pip install . && pytest`."""

import pytest

from bridge import plugins
from bridge.testing.conformance import Conformance, Subject


class Drops(Subject):
    def __init__(self, folder):
        self.folder, self.files, self.lines = folder, 0, 0

    def connector(self):
        return self.reading(self.folder)

    def reading(self, folder):
        kind = plugins.load("csv_drop")
        return kind(kind.Config(folder=folder, columns={"id": "int64", "name": "string"}, key="id"))

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
