"""Compile bridge/native, where there is a C compiler; needs no headers but C's own.

Usage: python scripts/compile_native.py
"""

import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "bridge" / "native"
OPTIONS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-fvisibility=hidden")


def main() -> int:
    library = FOLDER / "native.lib"
    library.unlink(missing_ok=True)
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        print("there is no C compiler: Python encodes and sends, which takes more time")
        return 0
    unfinished = library.with_suffix(".tmp")
    sources = sorted(map(str, FOLDER.glob("*.c")))
    done = subprocess.run([compiler, *OPTIONS, "-o", str(unfinished), *sources], check=False)
    if done.returncode:
        print("bridge/native did not compile: Python encodes and sends, which takes more time")
        return 0
    unfinished.replace(library)  # moved there, so that nobody loads half of one
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
