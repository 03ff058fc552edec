"""Throw-away certificates for hosts on loopback, made with the openssl of the system."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class AuthorityError(Exception):
    """There is no openssl, or it refused, with the reason in one message."""


class Certificate(NamedTuple):
    """PEM files."""

    file: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Its certificates are valid for two days."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        made = cls(folder)
        made._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *(
                "-keyout",
                made._key("authority"),
                "-out",
                made.file,
                "-days",
                "2",
                "-subj",
                "/CN=Test authority",
            ),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        return made

    @property
    def file(self) -> Path:
        """What a client must trust."""
        return self.folder / "authority.pem"

    def issue(self, name: str, *, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificate:
        """For a host or a client; `names` is openssl's subjectAltName."""
        made = Certificate(self.folder / f"{name}.pem", self._key(name))
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", made.key, "-out", made.file, "-days", "2", "-subj", f"/CN={name}"),
            *("-CA", self.file, "-CAkey", self._key("authority")),
            *("-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE"),
        )
        return made

    def context(
        self, certificate: Certificate, *, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    ) -> ssl.SSLContext:
        """Of a host that speaks TLS up to `newest`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        context.maximum_version = newest
        return context

    def asking(self, certificate: Certificate) -> ssl.SSLContext:
        """Of a host that lets in only who shows a certificate of this authority."""
        context = self.context(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.file)
        return context

    def _key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    @staticmethod
    def _openssl(*arguments: str | Path) -> None:
        if shutil.which("openssl") is None:
            raise AuthorityError("openssl is not installed: apt-get install openssl")
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise AuthorityError(f"openssl {arguments[0]}: {done.stderr.strip()[-400:]}")
