"""Compile what is beside this file, by a C compiler and the headers of C alone.

Usage: python -m bridge.native.compile
"""

import os
import shlex
import shutil
import subprocess

from bridge.native import LIBRARY, digest_of_sources

OPTIONS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-fvisibility=hidden")


def main() -> None:
    LIBRARY.unlink(missing_ok=True)
    compiler, *own = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(compiler) is None:
        raise SystemExit(f"there is no C compiler called {compiler}")
    unfinished = LIBRARY.with_suffix(".tmp")
    sources = sorted(map(str, LIBRARY.parent.glob("*.c")))
    named = f'-DSOURCES="{digest_of_sources()}"'
    done = subprocess.run([compiler, *own, *OPTIONS, named, "-o", str(unfinished), *sources], check=False)
    if done.returncode:
        raise SystemExit("bridge/native did not compile")
    unfinished.replace(LIBRARY)  # moved there, so that nobody loads half of one


if __name__ == "__main__":
    main()
