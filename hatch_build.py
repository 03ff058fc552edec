"""Compiles the Java helpers, so that wheels and editable installs both contain them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

JARS = ("connectors/jdbc/reader.jar", "connectors/sap_rfc/clients/jco.jar")


class CompileReader(BuildHookInterface[Any]):
    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        script = Path(self.root, "jars", "compile_reader.py")
        done = subprocess.run([sys.executable, str(script)], check=False)
        if done.returncode:
            raise SystemExit(done.returncode)
        build_data["artifacts"] += [f"/{jar}" for jar in JARS]
        # The jars' bytecode is the same everywhere: the wheel stays py3-none-any.
