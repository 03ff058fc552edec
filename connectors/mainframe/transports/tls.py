"""TLS towards the host: one set of rules for both transports, in the terms of Python's ssl."""

import ssl
from pathlib import Path

from bridge.errors import ConfigError
from connectors.mainframe.terminal import Tls

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(tls: Tls) -> ssl.SSLContext:
    """Verifies chain and host name. Errors: ConfigError, naming the file that cannot be used."""
    made = _authorities(tls.ca_file)
    made.minimum_version = VERSIONS[tls.minimum]
    if tls.certificate is not None:
        _show(made, tls.certificate, tls.key, tls.key_password or "")
    return made


def _authorities(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError is one
        raise ConfigError(f"tls.ca_file: {ca_file} cannot be used: {_reason(error)}") from None


def _show(made: ssl.SSLContext, certificate: Path, key: Path | None, password: str) -> None:
    try:
        made.load_cert_chain(certificate, key, password)
    except (OSError, ValueError) as error:
        files = f"{certificate}" if key is None else f"{certificate} with key {key}"
        raise ConfigError(
            f"tls.certificate: {files} cannot be used: {_reason(error)}",
            remedy="both are PEM; an encrypted key needs tls.key_password",
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no PEM file, or a wrong password").replace("_", " ").lower()
    return getattr(error, "strerror", None) or "not valid"
