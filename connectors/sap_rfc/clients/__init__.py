"""The clients of SAP's RFC behind one interface: which there is, and a connection by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata, packages_distributions
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from bridge.errors import ConfigError

if TYPE_CHECKING:
    from connectors.sap_rfc.clients.client import Client

LIBRARIES = ("pyrfc", "saprfclib", "jco")
"""In the order in which `library: auto` looks for them."""
WAYS = (
    "install one of: SAP's NW RFC SDK with `pip install pyrfcx` (or SAP's own pyrfc); without any SDK"
    " `pip install 'legacy-bridge[sap]'`, which brings saprfclib; or SAP's JCo: put sapjco3.jar and its"
    " native library into jars/, `pip install 'legacy-bridge[jdbc]'`, and set library: jco"
)
_LOADS = (
    "install SAP's NW RFC SDK, with SAPNWRFC_HOME and LD_LIBRARY_PATH set for it; or set library: to another"
)
_TEST_ONLY = frozenset({"erpl-pyrfc"})


@dataclass(frozen=True, slots=True)
class Found:
    """A client that is installed. `distribution`: who provides it, `version` and `licence` are theirs."""

    library: str
    distribution: str
    version: str
    licence: str

    def __str__(self) -> str:
        via = "" if self.library == self.distribution else f" of {self.distribution}"
        return f"{self.library}{via} {self.version} ({self.licence})"


@dataclass(frozen=True, slots=True)
class Logon:
    """How to connect. `parameters` are named as in sapnwrfc.ini (ashost, passwd, ...); they hold secrets."""

    parameters: Mapping[str, str]
    timeout: float
    """Seconds for the whole of it."""
    heap: str = "512m"
    """Of a client that runs in a JVM."""

    def __repr__(self) -> str:
        return f"Logon({', '.join(sorted(self.parameters))})"


def found(library: str = "auto") -> Found:
    """The client to use; nothing of it is imported. Errors: ConfigError that names the ways to get one."""
    for name in LIBRARIES if library == "auto" else (library,):
        client = _LOOKS[name]()
        if client:
            return client
    missing = "no client of SAP's RFC is" if library == "auto" else f"library: {library} is not"
    raise ConfigError(f"{missing} installed", remedy=WAYS)


def installed() -> list[Found]:
    """All that there are."""
    return [client for look in _LOOKS.values() if (client := look())]


def load(library: str, heap: str) -> None:
    """Import the client, and start what it needs, which takes its time. Errors: as `connect`."""
    prepare: Callable[[str], None] | None = getattr(_module(found(library)), "prepare", None)
    if prepare:
        prepare(heap)


def connect(client: Found, logon: Logon) -> Client:
    """A connection that has logged on. Errors: the client's own; ConfigError."""
    opened: Client = _module(client).connect(client, logon)
    return opened


def _module(client: Found) -> ModuleType:
    try:
        return import_module(f"connectors.sap_rfc.clients.{_MODULES[client.library]}")
    except Exception as error:  # an ImportError, or pyrfcx's SdkNotFoundError
        said = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{client} cannot be loaded: {said}", remedy=_LOADS) from error


@cache
def _pyrfc() -> Found | None:
    names = packages_distributions().get("pyrfc", []) if find_spec("pyrfc") else []
    return _of("pyrfc", names[0]) if names else None


@cache
def _saprfclib() -> Found | None:
    return _of("saprfclib", "saprfclib") if find_spec("saprfclib") else None


def _jco() -> Found | None:
    if not find_spec("connectors.sap_rfc.clients.jco"):
        return None
    jco: Found | None = import_module("connectors.sap_rfc.clients.jco").installed()
    return jco


def _of(library: str, distribution: str) -> Found | None:
    try:
        about = metadata(distribution)
    except PackageNotFoundError:
        return None
    licence = _licence(about)
    if distribution.lower() in _TEST_ONLY:
        licence += ", for evaluation and tests only"
    return Found(library, distribution, about["Version"], licence)


def _licence(about: PackageMetadata) -> str:
    told = about.get("License-Expression") or about.get("License") or ""
    lines = told.strip().splitlines()
    if lines:
        return lines[0]
    classified = [each for each in about.get_all("Classifier") or [] if each.startswith("License")]
    return ", ".join(each.rpartition(" :: ")[2] for each in classified) or "licence not stated"


_LOOKS: Mapping[str, Callable[[], Found | None]] = {"pyrfc": _pyrfc, "saprfclib": _saprfclib, "jco": _jco}
_MODULES = {"pyrfc": "rfc", "saprfclib": "pure", "jco": "jco"}
