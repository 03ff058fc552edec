"""Run the Dockerfile's steps where no container engine runs: by chroot, in root folders made by debootstrap.

Usage (as root, on Debian, with debootstrap):  python scripts/image_check.py [FOLDER]

Debian 13 with its Python in an environment at /usr/local stands for `python:3.13-slim`. FOLDER keeps the base
for the next time. An instruction that the Dockerfile does not use today is refused.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SUITE, MIRROR = "trixie", "http://deb.debian.org/debian"
SYSTEM_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
AUTHORITIES = "/usr/local/share/authorities.crt"
ENTER = 'mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && exec chroot "$@"'
BUILD_TOOLS = ("javac", "gcc", "make", "pip")

NATIVE = "from bridge.native.sender import plugged; assert plugged(), 'nothing is done in C'"

POLL = r"""
from bridge.contract import Ask
from connectors.jdbc import JdbcConnector
fill = r"create table if not exists orders(id bigint primary key)\;merge into orders key(id) values (1), (2)"
streams = {"PUBLIC.ORDERS": {"mode": "incrementing", "columns": ["ID"]}}
connector = JdbcConnector(JdbcConnector.Config(url="jdbc:h2:mem:o;INIT=" + fill, user="sa", streams=streams))
connector.open()
(stream,) = connector.discover()
print("rows polled:", connector.poll(stream, None, Ask()).rows)
connector.close()
"""


@dataclass
class Stage:
    root: Path
    folder: str = "/"
    user: str = "root"
    healthcheck: str = ""
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": SYSTEM_PATH, "PIP_CERT": AUTHORITIES}
    )

    def run(self, script: str) -> int:
        """Exit code of a shell command inside, as the stage's user; its mounts and processes end with it."""
        print(f"{self.root.name}: {script.strip().splitlines()[0]}", flush=True)
        who = (
            ()
            if self.user == "root"
            else ("setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups")
        )
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        inside = [*who, "env", "-i", *settings, "sh", "-c", f"cd {self.folder} && {script}"]
        namespace = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", ENTER, "enter"]
        return subprocess.run([*namespace, str(self.root), *inside], check=False).returncode

    def must(self, script: str) -> None:
        if code := self.run(script):
            raise SystemExit(f"failed with {code}: {script}")

    def copy(self, sources: list[Path], target: str) -> None:
        place = self.root / str(Path("/", self.folder, target)).lstrip("/")
        for source in sources:
            into = place / source.name if target.endswith("./") else place
            if source.is_dir():
                shutil.copytree(source, into, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(source, into)


def base(folder: Path) -> Path:
    root = folder / "base"
    if not (root / "usr/local/bin/python").exists():
        shutil.rmtree(root, ignore_errors=True)
        included = "--include=ca-certificates,python3,python3-venv"
        subprocess.run(["debootstrap", "--variant=minbase", included, SUITE, str(root), MIRROR], check=True)
        Stage(root).must("python3 -m venv /usr/local")
    # Name servers and trusted authorities are this machine's: a company's proxy may have one of its own.
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / AUTHORITIES.lstrip("/"))
    return root


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (CHECKOUT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def build(folder: Path, root: Path) -> Stage:
    stages: dict[str, Stage] = {}
    stage = Stage(root)
    for word, rest in instructions():
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "image"
            shutil.rmtree(folder / name, ignore_errors=True)
            subprocess.run(["cp", "-a", str(root), str(folder / name)], check=True)
            stage = stages[name] = Stage(folder / name)
        elif word == "COPY":
            copy(stage, stages, shlex.split(rest))
        else:
            carry_out(stage, word, rest)
    return stage


def carry_out(stage: Stage, word: str, rest: str) -> None:
    match word:
        case "RUN":
            stage.must(rest)
        case "ENV":
            for setting in shlex.split(rest):
                variable, _, value = setting.partition("=")
                stage.environment[variable] = value.replace("$PATH", stage.environment["PATH"])
        case "WORKDIR":
            stage.folder = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = rest
        case "HEALTHCHECK":
            stage.healthcheck = rest.partition("CMD ")[2]
        case "STOPSIGNAL" | "ENTRYPOINT" | "CMD":
            pass
        case _:
            raise SystemExit(f"the Dockerfile has {word}, which this script cannot do")


def copy(stage: Stage, stages: dict[str, Stage], words: list[str]) -> None:
    origin = CHECKOUT
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    stage.copy([origin / source.lstrip("/") for source in sources], target)


def examine(image: Stage) -> None:
    if image.user == "root":
        raise SystemExit("the image runs as root")
    for tool in BUILD_TOOLS:
        if image.run(f"command -v {tool}") == 0:
            raise SystemExit(f"the image contains {tool}")
    image.must("test $(id -u) -ne 0 && java -version && legacy-bridge --version")
    image.must(f"python -c {shlex.quote(NATIVE)}")
    if image.run(image.healthcheck) == 0:
        raise SystemExit("the health check passes where no daemon runs")
    image.copy(sorted((CHECKOUT / "jars" / "lib").glob("*.jar")), "/usr/share/legacy-bridge/jars/./")
    image.must(f"python -c {shlex.quote(POLL)}")


def main(folder: Path) -> None:
    examine(build(folder, base(folder)))
    print("the image's steps ran, and what they made polls a table as a user without rights")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        main(Path(sys.argv[1]).resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="image-") as made:
            main(Path(made))
