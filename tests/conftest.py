"""The servers that tests share.

Workers of pytest-xdist share one broker, where every test has topics of its own. Each has its own databases:
there a test may look at what is of the whole server, such as open transactions.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from bridge.testing import need
from bridge.testing.databases import DatabaseError, DatabaseServer, H2Server, MariaServer, PostgresServer
from bridge.testing.kafka import BrokerError, KafkaBroker, RemoteBroker, free_ports, jars, qualify
from tests import shared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.testing.kafka import Broker
    from bridge.testing.oracle.server import OraclePeer


KEPT = pytest.StashKey[str]()

# How fast an example is made or run says something of the machine, and nothing of the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What decides over a change says the same twice; new examples are found on desks.
settings.register_profile("same", settings.get_profile("suite"), derandomize=True)
settings.load_profile("suite")


def pytest_configure() -> None:
    """A suite that runs in the background was told to ignore Ctrl-C, and its children would be, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands that run in this process make its logs what they would be in a process of their own."""
    librdkafka = logging.getLogger("librdkafka")
    before = logging.root.handlers[:], logging.root.level, librdkafka.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        logging.root.handlers, logging.root.level, librdkafka.level = before


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker of pytest-xdist where to ask for the broker."""
    if KEPT not in node.config.stash:
        keeping = ExitStack()
        node.config.stash[KEPT] = keeping.enter_context(shared.kept())
        node.config.add_cleanup(keeping.close)
    node.workerinput["broker"] = node.config.stash[KEPT]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests that passed have `said`, such as the seed that repeats them; also those of pytest-xdist."""
    said = [
        str(value)
        for report in terminalreporter.stats.get("passed", ())
        for name, value in report.user_properties
        if name == "said"
    ]
    if said:
        terminalreporter.section("said")
        terminalreporter.write("\n".join(said) + "\n")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kafka",
        metavar="ADDRESS",
        default="",
        help="run against this broker instead of starting one; `docker` starts one through pytest-docker",
    )
    parser.addoption(
        "--oracle",
        choices=["", "docker"],
        default="",
        help="`docker`: run what is all SQL against an Oracle Database Free, too, which pytest-docker starts",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The simulator is always there, a real database where one is named."""
    if "oracle_place" in metafunc.fixturenames:
        real = bool(os.environ.get("ORACLE_TEST_DSN") or metafunc.config.getoption("--oracle"))
        metafunc.parametrize("oracle_place", ["simulated", *(["real"] if real else [])])


@pytest.fixture(scope="session")
def broker_jars() -> Path:
    """Asked for by tests that start brokers of their own, to restart, stall and kill them."""
    try:
        return jars()
    except BrokerError as error:
        need(str(error))


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """The shared broker, which has shown that it can prove exactly once; a test does not stop it."""
    where = request.config.getoption("--kafka")
    if where == "docker":
        yield _qualified(request.getfixturevalue("docker_broker"))
    elif where:
        yield _qualified(RemoteBroker(where))
    elif place := getattr(request.config, "workerinput", {}).get("broker"):
        request.getfixturevalue("broker_jars")
        yield RemoteBroker(shared.address(place))
    else:
        request.getfixturevalue("broker_jars")
        with KafkaBroker() as started:
            yield _qualified(started)


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(Path(__file__).with_name("docker-compose.yml"))


@dataclass(frozen=True)
class Containers:
    """Those that the options ask for, and where they are."""

    services: Any
    kafka: str
    oracle: str
    oracle_password: str


@pytest.fixture(scope="session")
def containers(request: pytest.FixtureRequest) -> Iterator[Containers]:
    if not _docker_runs():
        pytest.skip("no container engine runs here")
    asked = [name for name in ("kafka", "oracle") if request.config.getoption(f"--{name}") == "docker"]
    kafka, oracle = free_ports(2)
    password = secrets.token_hex(8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSE_PROFILES", ",".join(asked))
        patch.setenv("BRIDGE_KAFKA_PORT", str(kafka))
        patch.setenv("BRIDGE_ORACLE_PORT", str(oracle))
        patch.setenv("BRIDGE_ORACLE_PASSWORD", password)
        services = request.getfixturevalue("docker_services")
        yield Containers(services, f"127.0.0.1:{kafka}", f"127.0.0.1:{oracle}/FREEPDB1", password)


@pytest.fixture(scope="session")
def docker_broker(containers: Containers) -> Broker:
    remote = RemoteBroker(containers.kafka)
    containers.services.wait_until_responsive(
        timeout=90, pause=1, check=lambda: qualify(remote.address).passed
    )
    return remote


def _docker_runs() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run([docker, "info"], capture_output=True, check=False).returncode
    )


def _qualified(candidate: Broker) -> Broker:
    verdict = qualify(candidate.address)
    if not verdict.passed:
        pytest.fail(f"{candidate.address} is {verdict}", pytrace=False)
    return candidate


@pytest.fixture(scope="session")
def postgres() -> Iterator[DatabaseServer]:
    """Tests make tables of their own in it, and do not stop it."""
    yield from _served(PostgresServer)


@pytest.fixture(scope="session")
def h2() -> Iterator[DatabaseServer]:
    yield from _served(H2Server)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    yield from _served(MariaServer)


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    """A simulated Oracle Database of one's own, with nothing in it."""
    from bridge.testing.oracle.server import OraclePeer

    with OraclePeer() as peer:
        yield peer


def _served(kind: type[DatabaseServer]) -> Iterator[DatabaseServer]:
    server = kind()
    try:
        server.start()
    except DatabaseError as error:
        server.close()
        need(str(error))
    yield server
    server.close()
