"""A broker that asks who is there: SASL and TLS listeners for `KafkaBroker`, and the client's side."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from bridge.testing.kafka import jdk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SASL = {"SASL": "SASL_PLAINTEXT"}
TLS = {"TLS": "SSL"}
OAUTH = {"OAUTH": "SASL_PLAINTEXT"}
STORE_PASSWORD = "store-password"  # noqa: S105 - of throw-away keys


def sasl(plain_users: Mapping[str, str]) -> dict[str, str]:
    """Properties of a listener named SASL: PLAIN, and SCRAM-SHA-256 for `KafkaBroker(scram=...)`."""
    users = " ".join(f'user_{name}="{word}"' for name, word in plain_users.items())
    modules = "org.apache.kafka.common.security"
    return {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "listener.name.sasl.plain.sasl.jaas.config": f"{modules}.plain.PlainLoginModule required {users};",
        "listener.name.sasl.scram-sha-256.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
    }


def oauth() -> dict[str, str]:
    """Properties of a listener named OAUTH: OAUTHBEARER with tokens nobody has signed (KIP-255).

    Who stays connected for longer than a token lives must show another one (KIP-368).
    """
    module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
    return {
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.connections.max.reauth.ms": "3600000",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": (
            f"{module} required unsecuredLoginStringClaim_sub=broker;"
        ),
    }


@contextmanager
def identity_provider(port: int, secret: str, life_s: int = 3600) -> Iterator[None]:
    """Gives unsigned tokens to a client that knows the secret (RFC 6749, 4.4)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            basic = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            if basic.endswith(f":{secret}"):
                self._answer(200, {"access_token": _unsigned_token(life_s), "token_type": "bearer"})
            else:
                self._answer(401, {"error": "invalid_client"})

        def _answer(self, code: int, document: Mapping[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def _unsigned_token(life_s: int) -> str:
    now = int(time.time())
    parts = {"alg": "none"}, {"sub": "dora", "iat": now, "exp": now + life_s}
    words = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join((*words, ""))


@dataclass(frozen=True)
class Certificates:
    """Throw-away certificates for loopback, made with the JDK's keytool; the broker demands the client's."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        made = cls(folder)
        for name in ("broker", "client"):
            made._pair(name)
        made._keytool(
            "-importcert", "-noprompt", "-alias", "client", "-file", made._file("client.pem"), store="trust"
        )
        return made

    def broker(self) -> dict[str, str]:
        """Properties of a listener named TLS."""
        return {
            "listener.name.tls.ssl.keystore.location": self._file("broker.p12"),
            "listener.name.tls.ssl.keystore.password": STORE_PASSWORD,
            "listener.name.tls.ssl.truststore.location": self._file("trust.p12"),
            "listener.name.tls.ssl.truststore.password": STORE_PASSWORD,
            "listener.name.tls.ssl.client.auth": "required",
        }

    def client(self) -> dict[str, str]:
        """librdkafka's settings of a client that checks the broker and shows its own certificate."""
        return {
            "security.protocol": "ssl",
            "ssl.ca.location": self._file("broker.pem"),
            "ssl.keystore.location": self._file("client.p12"),
            "ssl.keystore.password": STORE_PASSWORD,
        }

    def _pair(self, name: str) -> None:
        subject = ("-dname", f"CN={name}", "-ext", "san=ip:127.0.0.1,dns:localhost", "-validity", "2")
        self._keytool("-genkeypair", "-alias", name, "-keyalg", "EC", *subject, store=name)
        self._keytool("-exportcert", "-rfc", "-alias", name, "-file", self._file(f"{name}.pem"), store=name)

    def _keytool(self, *arguments: str, store: str) -> None:
        keep = ("-keystore", self._file(f"{store}.p12"), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD)
        subprocess.run([jdk("keytool"), *arguments, *keep], check=True, capture_output=True)

    def _file(self, name: str) -> str:
        return str(self.folder / name)


def oidc(port: int, secret: str) -> dict[str, str]:
    """Settings of a client that gets its tokens from an identity provider on this port of loopback."""
    return {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "bridge",
        "sasl.oauthbearer.client.secret": secret,
        "sasl.oauthbearer.token.endpoint.url": f"http://127.0.0.1:{port}/token",
    }
