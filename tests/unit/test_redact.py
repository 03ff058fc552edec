"""What is masked in logs, statuses and dead letters, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.contract import Secret
from bridge.redact import MASK, Redactor, names_a_secret, redact_patterns, url_has_password


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("postgresql://bob:hunter2@db:5432/erp", "postgresql://***@db:5432/erp"),
        ("http://t0k3n@host/path", "http://***@host/path"),
        ("x://bob:p@ss/w#rd@host/x", "x://***@host/x"),
        ("jdbc:oracle:thin:scott/tiger@//db:1521/x", "jdbc:oracle:thin:***@//db:1521/x"),
        ("jdbc:x://h/db?user=bob&password=hunter2&ssl=true", "jdbc:x://h/db?user=bob&password=***&ssl=true"),
        ("DRIVER=x;PWD={a;b c};UID=bob", "DRIVER=x;PWD=***;UID=bob"),
        ('{"user": "bob", "password": "a\\"b c", "x": 1}', '{"user": "bob", "password": "***", "x": 1}'),
        ('"{\\"password\\": \\"a b\\", \\"x\\": 1}"', '"{\\"password\\": \\"***\\", \\"x\\": 1}"'),
        ("{'passwd': 'a b', 'x': 1}", "{'passwd': '***', 'x': 1}"),
        ("sasl.password=hunter2", "sasl.password=***"),
        ("client_secret = hunter2 x", "client_secret = *** x"),
        ("password: hunter2", "password: ***"),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Authorization: Bearer ***"),
        ("authorization: basic Ym9iOmh1bnRlcjI=", "authorization: basic ***"),
        ("ALTER USER bob IDENTIFIED BY hunter2", "ALTER USER bob IDENTIFIED BY ***"),
        ("CREATE USER bob PASSWORD 'hunter2' ADMIN", "CREATE USER bob PASSWORD '***' ADMIN"),
        (
            "jdbc:hsqldb:file:x;crypt_key=604a6105;crypt_type=aes",
            "jdbc:hsqldb:file:x;crypt_key=***;crypt_type=aes",
        ),
        ('truncated "password": "hunt', 'truncated "password": ***'),
        ("password 'C:" + "\\x" * 99, "password ***"),
        ("card 4111111111111111.", "card ***."),
        ("card 4111 1111 1111 1111 123", "card *** 123"),
        ("1234-4111-1111-1111-1111", "1234-***"),
        ("3782 822463 10005", "***"),
    ],
)
def test_secrets_of_a_known_form_are_masked(text: str, redacted: str) -> None:
    assert redact_patterns(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "ORA-01017: invalid username/password; logon denied",
        'password authentication failed for user "bob"',
        "unexpected token: SELEC",
        "card 4111111111111112",
        "took 0.4111111111111111 s",
        "id 41111111111111111111 has 20 digits",
        "2024-01-15 12:34:56.789012 offset 123456789012",
        "https://host:8080/path?key_column=id",
        "mail bob@example.org",
        "primary key = (id, line)",
        "run under systemd with LoadCredential=erp:PATH, or use file:",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact_patterns(text) == text


def test_a_secret_is_masked_from_the_moment_it_is_revealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP", "hunter2")
    secret = Secret("env:ERP")
    redactor = Redactor([secret])
    assert redactor.redact("hunter2") == "hunter2"

    secret.reveal()
    assert redactor.redact("<hunter2>") == "<***>"

    monkeypatch.setenv("ERP", "rotated!")
    secret.reveal()
    assert redactor.redact("hunter2 rotated!") == "*** ***"


def test_secrets_can_be_added_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP", "hunter2")
    secret, redactor = Secret("env:ERP"), Redactor()
    secret.reveal()

    redactor.watch([secret])

    assert redactor.redact("hunter2") == MASK


def test_a_very_short_secret_is_masked_as_a_word_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN", "a1")
    secret = Secret("env:PIN")
    secret.reveal()

    assert Redactor([secret]).redact("a1 ba1d (a1)") == "*** ba1d (***)"


def test_each_line_of_a_private_key_is_a_secret(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
    )
    secret = Secret(f"file:{key}")
    secret.reveal()

    assert Redactor([secret]).redact("bad line 'hkiG9w0BAQEFAASC' in key") == "bad line '***' in key"


def test_a_structure_keeps_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN", "917263")
    secret = Secret("env:PIN")
    secret.reveal()

    cleaned = Redactor([secret]).clean(
        {
            "rows": 3,
            "share": 0.5,
            "none": None,
            "flag": True,
            "pin": 917263,
            "nested": [{"917263": ("x917263", b"<917263>")}, {1}],
            "password": "anything",
            "path": Path("/run/917263"),
        }
    )

    assert cleaned == {
        "rows": 3,
        "share": 0.5,
        "none": None,
        "flag": True,
        "pin": MASK,
        "nested": [{MASK: [f"x{MASK}", b"<***>"]}, [1]],
        "password": MASK,
        "path": "/run/***",
    }


@pytest.mark.parametrize(
    "name", ["password", "sasl.password", "ssl.key.pem", "client_secret", "API-KEY", "PGPWD"]
)
def test_names_of_secrets(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize("name", ["user", "password_file", "key", "primary_key", "token.endpoint.url"])
def test_names_of_other_things(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("jdbc:postgresql://db/erp", "none"),
        ("jdbc:postgresql://bob@db/erp", "none"),
        ("jdbc:postgresql://bob:x@db/erp", "has one"),
        ("jdbc:h2:mem:x;PASSWORD=x", "has one"),
        ("jdbc:h2:mem:x;INIT=CREATE USER u PASSWORD 'x'", "has one"),
        ("jdbc:hsqldb:file:x;crypt_key=604a6105;crypt_type=aes", "has one"),
        ("jdbc:informix-sqli://db/erp:pass=x", "has one"),
        ("jdbc:x://db/erp?bypass=true", "none"),
        ("jdbc:oracle:thin:scott/tiger@db", "has one"),
        ("jdbc:oracle:thin:@//db:1521/x", "none"),
        ("jdbc:postgresql://db/erp?ssl=true&sslpassword=x", "has one"),
        ("jdbc:sqlserver://db;user=sa;Pwd=x", "has one"),
        ("jdbc:oracle:thin:bridge/x@db:1521/erp", "has one"),
        ("jdbc:postgresql://a:5432,b:5432/erp?targetServerType=primary", "none"),
        ("jdbc:h2:tcp://127.0.0.1:9092/./erp;IFEXISTS=TRUE", "none"),
        ("jdbc:sqlserver://db:1433;databaseName=erp;encrypt=true", "none"),
        ("jdbc:mariadb://[::1]:3306/erp", "none"),
        ("SELECT password = 'x' FROM t", "none"),
    ],
)
def test_a_password_inside_a_url_is_found(url: str, said: str) -> None:
    assert ("has one" if url_has_password(url) else "none") == said
