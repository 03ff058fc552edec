"""Compile the Java helpers of jars/src into jars beside what uses them; needs a JDK's javac and nothing else.

Usage: python jars/compile_reader.py
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "jars" / "src"
# Folder of sources -> its jar.
JARS = {
    SOURCES / "main" / "java": ROOT / "connectors" / "jdbc" / "reader.jar",
    SOURCES / "jco" / "java": ROOT / "connectors" / "sap_rfc" / "clients" / "jco.jar",
}
# What is compiled against and never packed: the types of a jar that only customers have.
DECLARED = SOURCES / "jco" / "declared"
EPOCH = (1980, 1, 1, 0, 0, 0)  # a constant date makes equal sources give equal jars
MANIFEST = "Manifest-Version: 1.0\r\nCreated-By: legacy-bridge\r\n\r\n"


def javac() -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("javac", path=f"{home}/bin") if home else None
    found = found or shutil.which("javac")
    if found is None:
        raise SystemExit(
            "legacy-bridge is built with javac, which was not found. Install a JDK >= 17:\n"
            "  Debian, Ubuntu:  apt-get install default-jdk-headless\n"
            "  RHEL, Fedora:    dnf install java-17-openjdk-devel"
        )
    return found


def compile_classes(sources: list[Path], classes: Path) -> None:
    options = ["--release", "11", "-encoding", "UTF-8", "-Xlint:all", "-g", "-d", str(classes)]
    options += ["-implicit:none", "-sourcepath", str(DECLARED)]
    done = subprocess.run([javac(), *options, *map(str, sources)], check=False)
    if done.returncode:
        raise SystemExit("the Java helper did not compile")


def pack(classes: Path, jar: Path) -> None:
    """Write the jar beside its place and move it there, so that nobody loads half of one."""
    jar.parent.mkdir(parents=True, exist_ok=True)
    unfinished = jar.with_suffix(".tmp")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF", EPOCH), MANIFEST)
        for file in sorted(classes.rglob("*.class")):
            out.writestr(zipfile.ZipInfo(file.relative_to(classes).as_posix(), EPOCH), file.read_bytes())
    unfinished.replace(jar)


def main() -> int:
    for folder, jar in JARS.items():
        sources = sorted(folder.rglob("*.java"))
        if not sources:
            raise SystemExit(f"no Java sources under {folder}")
        with tempfile.TemporaryDirectory() as classes:
            compile_classes(sources, Path(classes))
            pack(Path(classes), jar)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
