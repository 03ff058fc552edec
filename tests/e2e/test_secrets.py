"""A thousand secrets planted wherever a hostile connector can put them: none comes out where people look."""

from __future__ import annotations

import base64
import json
import random
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from bridge.testing.daemon import DaemonProcess, consume
from bridge.testing.hostile import BROKEN, Whim, plan
from bridge.testing.kafka import Broker, free_ports
from tests.e2e.evidence import command, hostile, in_state, source, sqlite

pytestmark = pytest.mark.slow

CHANCE = random.Random(5)
A_TEXT = 10
"""Canaries in one error, log line, reject or row."""


@dataclass(frozen=True)
class Canary:
    """A secret, the sentence that gives it away, and what must not be found of it."""

    secret: str
    sentence: str

    @property
    def traces(self) -> Iterator[str]:
        yield self.secret
        yield self.secret.replace(" ", "").replace("-", "")
        yield urllib.parse.quote(self.secret, safe="")
        yield base64.b64encode(self.secret.encode()).decode().rstrip("=")[:-1]
        yield json.dumps(self.secret)[1:-1]


def word() -> str:
    return f"{CHANCE.getrandbits(64):016x}"


def configured(secret: str) -> str:
    """One of the forms in which a driver may show a secret that the configuration refers to."""
    octets = secret.encode()
    forms: Sequence[Callable[[], str]] = (
        lambda: f"logging on with {secret} failed",
        lambda: f"GET /query?auth={urllib.parse.quote(secret, safe='')}&page=1",
        lambda: f"sent {json.dumps({'a': secret})}",
        lambda: f"header {base64.b64encode(octets).decode()} was refused",
        lambda: f"octets {octets.hex()}",
    )
    return CHANCE.choice(forms)()


def in_a_url(secret: str) -> str:
    return f"cannot reach jdbc:db2://bridge:{secret}@erp.example:50000/PROD"


def in_a_pair(secret: str) -> str:
    name = CHANCE.choice(["password", "pwd", "PASSWORD", "token", "api_key", "client_secret", "passphrase"])
    return CHANCE.choice([f"user=bridge;{name}={secret};ssl=on", f'{{"user": "b", "{name}": "{secret}"}}'])


def card(_: str) -> str:
    """A card number (PAN) with a right check digit, written in one of the usual ways."""
    digits = [4, *(CHANCE.randrange(10) for _ in range(14))]
    doubled = [digit * 2 - 9 * (digit > 4) if at % 2 == 0 else digit for at, digit in enumerate(digits)]
    text = "".join(map(str, [*digits, -sum(doubled) % 10]))
    return CHANCE.choice(["", " ", "-"]).join(text[at : at + 4] for at in range(0, 16, 4))


@dataclass
class Nest:
    """What is planted: `tokens` the configuration refers to, `strays` turn up in texts alone."""

    tokens: list[Canary]
    strays: list[Canary]

    @classmethod
    def make(cls) -> Nest:
        special = "\"'\\&=/+% é€"
        tokens = [f"{word()}{CHANCE.choice(special)}{word()}" for _ in range(100)]
        words = [word() for _ in range(600)]
        cards = [card("") for _ in range(300)]
        return cls(
            [Canary(secret, configured(secret)) for secret in tokens],
            [
                *(Canary(secret, in_a_url(secret)) for secret in words[:300]),
                *(Canary(secret, in_a_pair(secret)) for secret in words[300:]),
                *(Canary(number, f"paid with {number} today") for number in cards),
            ],
        )

    @property
    def all(self) -> list[Canary]:
        return [*self.tokens, *self.strays]

    def texts(self) -> list[str]:
        """All sentences in random order, some to a text."""
        sentences = [canary.sentence for canary in self.all]
        CHANCE.shuffle(sentences)
        return [" | ".join(group) for group in batched(sentences, A_TEXT)]

    def references(self, folder: Path, environment: dict[str, str]) -> list[str]:
        """A third of the tokens each as env:, file: and cred:."""
        references = []
        environment["CREDENTIALS_DIRECTORY"] = str(folder)
        for number, canary in enumerate(self.tokens):
            (folder / f"token{number}").write_text(canary.secret)
            environment[f"TOKEN{number}"] = canary.secret
            where = (f"env:TOKEN{number}", f"file:{folder}/token{number}", f"cred:token{number}")
            references.append(where[number % 3])
        return references


WAYS = {Whim.REJECT: 15, Whim.TRANSIENT: 4, Whim.BUG: 2, Whim.LOG: 64}
BROKEN_ROWS, LARGE_ROWS = 7, 7
LARGEST = 16 * 1024


def test_of_1000_planted_secrets_none_is_found(broker: Broker, tmp_path: Path) -> None:
    name = f"erp-{uuid4().hex[:8]}"
    nest = Nest.make()
    texts = nest.texts()
    assert (len(nest.all), len(texts)) == (1000, sum(WAYS.values()) + BROKEN_ROWS + LARGE_ROWS + 1)
    create(broker.address, NewTopic(f"{name}.orders", 1, 1, config={"max.message.bytes": str(LARGEST)}))
    legacy = source(tmp_path / "erp.db")
    for _ in range(BROKEN_ROWS):
        legacy.insert(1, payload=f"{BROKEN} {texts.pop()}")
    for _ in range(LARGE_ROWS):
        legacy.insert(1, payload=texts.pop() + "x" * LARGEST)
    last = texts.pop()
    whims = [(whim, texts.pop()) for whim, count in WAYS.items() for _ in range(count)]
    plan(legacy.path, *whims, (Whim.PERMANENT, last))

    environment = hostile(tmp_path / "daemon")
    with started(tmp_path, broker, name, legacy.path, nest, environment) as (daemon, port):
        in_state(daemon, name, "FAILED", within=120)
        places = seen_by_people(daemon, port, name, environment)
    letters = consume(broker.address, f"_bridge.dead-letters.{name}")
    places["dead letters"] = "\n".join(f"{each.key!r} {(each.value or b'').decode()}" for each in letters)
    places["log"] = daemon.logged()

    for place, text in places.items():
        found = [canary for canary in nest.all if any(trace in text for trace in canary.traces)]
        assert not found, f"{len(found)} of 1000 in {place}"
        assert ("***" in text) == (place not in ("/metrics", "command lines")), place
    assert len(letters) == BROKEN_ROWS + LARGE_ROWS + WAYS[Whim.REJECT]
    assert places["log"].count("connected with ") == WAYS[Whim.LOG]
    assert places["log"].count('"poll failed"') == WAYS[Whim.TRANSIENT]
    assert places["log"].count("the connector has failed; this is a bug") == WAYS[Whim.BUG]
    assert places["log"].count('"how": "a bug: RuntimeError: outer ') == WAYS[Whim.BUG]


@contextmanager
def started(
    folder: Path, broker: Broker, name: str, database: Path, nest: Nest, environment: dict[str, str]
) -> Iterator[tuple[DaemonProcess, int]]:
    """The daemon, and the port of its HTTP pages; it logs all there is to log."""
    (folder / "tokens").mkdir()
    tokens = nest.references(folder / "tokens", environment)
    (port,) = free_ports(1)
    options = sqlite(database, "hostile", max_rejects="100%", interval="10ms", tokens=tokens)
    daemon = DaemonProcess(
        folder / "daemon",
        broker.address,
        {name: options},
        daemon={"http": f"127.0.0.1:{port}", "log": {"format": "json", "level": "debug"}},
        kafka={"sasl.password": "env:TOKEN0", "ssl.key.password": "env:TOKEN3"},
        environment=environment,
    )
    with daemon:
        yield daemon, port


def seen_by_people(
    daemon: DaemonProcess, port: int, name: str, environment: dict[str, str]
) -> dict[str, str]:
    """Everything the daemon and the command line show, by place."""

    def said(*words: str | Path) -> str:
        return command(*words, environment=environment).stdout

    return {
        "/status": got(port, "status"),
        "/metrics": got(port, "metrics"),
        "status.sock": json.dumps(daemon.status(), ensure_ascii=False),
        "health": said("health", daemon.config),
        "health --json": said("health", daemon.config, "--json"),
        "dead-letters list": said("dead-letters", "list", daemon.config, name),
        "dead-letters show": said("dead-letters", "show", daemon.config, name, "0"),
        "command lines": command_lines(daemon, name),
    }


def got(port: int, page: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as answer:
        return str(answer.read().decode())


def command_lines(daemon: DaemonProcess, name: str) -> str:
    """Which every user of the machine can read."""
    assert daemon.process is not None
    pids = [daemon.process.pid, daemon.worker_pid(name)]
    return "\n".join(Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in pids)


def create(address: str, topic: NewTopic) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.create_topics([topic]).values():
        future.result(10)


def test_a_password_in_clear_is_refused_and_not_repeated(tmp_path: Path) -> None:
    nest = [word() for _ in range(3)]
    file = tmp_path / "bridge.yaml"
    file.write_text(f"""\
version: 1
name: plant
kafka: {{bootstrap.servers: "localhost:1", sasl.password: {nest[0]}}}
connectors:
  erp:
    kind: jdbc
    url: jdbc:postgresql://bridge:{nest[1]}@db/erp
    password: {nest[2]}
    streams: {{public.orders: {{mode: incrementing}}}}
""")
    for words in (("run", file), ("config", "check", file)):
        done = command(*words)
        assert done.returncode == 3
        assert done.stdout.count("not shown") + done.stderr.count("not shown") == 3
        assert not [secret for secret in nest if secret in done.stdout + done.stderr]
