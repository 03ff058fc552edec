"""The Java connector of the tests."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path


def java_jar(folder: Path) -> Path:
    """The jar of MainframeConnector.java, made in this folder."""
    source = Path(__file__).with_name("MainframeConnector.java")
    command = ["javac", "--release", "11", "-encoding", "UTF-8", "-d", str(folder), str(source)]
    subprocess.run(command, check=True)
    path = folder / "in-house.jar"
    with zipfile.ZipFile(path, "w") as out:
        for file in folder.rglob("*.class"):
            out.write(file, file.relative_to(folder))
    return path
