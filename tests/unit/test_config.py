"""Reading the configuration file, and what an operator is told when it is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest

from bridge import config
from bridge.config import ConfigErrors, OnGap, OnMissing, Settings
from bridge.contract import Secret
from bridge.inspection import inspected
from tests.unit.installed import install

EXAMPLES = Path(__file__).parents[2] / "config"
HEAD = """\
version: 1
name: plant
kafka: {bootstrap.servers: "localhost:9092"}
"""
ERP = """\
connectors:
  erp:
    kind: shop
    url: shop://db
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bridge.yaml"


def wrong(file: Path, text: str) -> list[str]:
    """The problems of a text as `line:column: ...`."""
    file.write_text(dedent(text))
    try:
        found = inspected(file)
    except ConfigErrors as error:
        found = list(error.problems)
    return [str(problem).removeprefix(f"{file}:") for problem in found]


def load(file: Path, text: str) -> Settings:
    file.write_text(dedent(text))
    return config.load(file)


def test_the_designs_file_loads_as_it_was_written() -> None:
    settings = config.load(Path(__file__).with_name("all_modes.yaml"))

    assert settings.name == "plant-hamburg"
    assert settings.kafka["sasl.password"] == Secret("file:/run/secrets/kafka")
    assert settings.topics.on_missing is OnMissing.CREATE
    erp = settings.connectors["erp"]
    assert erp.stream("public.orders").interval == 1.0
    assert erp.stream("public.orders").topic == "erp.orders"
    assert erp.stream("public.customer_eu").interval == 15 * 60
    assert str(erp.stream("public.customer_eu").quiet_hours) == "22:00-02:00 Europe/Berlin"
    assert erp.stream("public.something_else").interval == 5.0
    assert erp.options["streams"]["public.orders"] == {
        "mode": "timestamp+incrementing",
        "columns": ["changed_at", "id"],
    }
    assert erp.inherited == {"late_window": "60s"}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_has_no_problem(example: Path) -> None:
    assert config.load(example).connectors
    assert inspected(example) == []


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_settings_survive_the_socket_to_the_worker(example: Path) -> None:
    settings = config.load(example)

    sent = json.dumps(settings.model_dump(mode="json"))

    assert Settings.model_validate(json.loads(sent)) == settings


def test_a_stream_inherits_from_its_connector_and_that_from_the_defaults(file: Path) -> None:
    settings = load(
        file,
        HEAD
        + """\
defaults: {interval: 5s, deadline: 1m, on_gap: rescan, max_rejects: 5%}
connectors:
  erp:
    kind: shop
    deadline: 2m
    streams: {orders: {interval: 1s}, items: , "cust_*": {deadline: 3m}}
""",
    )

    erp = settings.connectors["erp"]
    assert erp.max_rejects == 0.05
    assert (erp.stream("orders").interval, erp.stream("orders").deadline) == (1.0, 120.0)
    assert (erp.stream("items").interval, erp.stream("items").deadline) == (5.0, 120.0)
    assert erp.stream("cust_eu").deadline == 180.0
    assert erp.stream("never named").deadline == 120.0
    assert erp.stream("orders").on_gap is OnGap.RESCAN


def test_yaml_is_read_without_yaml_1_1_surprises(file: Path) -> None:
    settings = load(
        file, HEAD + "connectors:\n  erp: {kind: shop, user: no, host: 22:30, day: 2024-01-01, on: off, 5: 5}"
    )

    options = settings.connectors["erp"].options
    assert options == {"user": "no", "host": "22:30", "day": "2024-01-01", "on": "off", "5": 5}


def test_http_can_be_off(file: Path) -> None:
    assert load(file, HEAD + "daemon: {http: off}\n" + ERP).daemon.http is None


def test_anchors_and_aliases_are_written_out(file: Path) -> None:
    settings = load(file, HEAD + ERP + "    streams: {a: &fast {interval: 1s}, b: *fast}\n")

    assert settings.connectors["erp"].stream("b").interval == 1.0


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "the file is empty; see config/example.yaml", id="empty"),
        pytest.param(
            "- a", "1:1: must be a mapping of options, not a list; see config/example.yaml", id="list"
        ),
        pytest.param(
            "name: x", "1:1: 'version' is missing; begin the file with `version: 1`", id="no version"
        ),
        pytest.param(
            "version: 2",
            "1:10: version: 2 is no version this bridge reads; install a newer legacy-bridge",
            id="newer version",
        ),
        pytest.param(
            "version: one",
            "1:10: version: 'one' is no version this bridge reads; write `version: 1`",
            id="odd version",
        ),
        pytest.param(
            "version: 1\nkafka:\n\tacks: all",
            "3:1: a tab in the indentation; YAML wants spaces: use two for each level",
            id="tab",
        ),
        pytest.param(
            HEAD.replace("plant", "hamburg altona") + ERP,
            "2:7: name: 'hamburg altona' is not a name; use letters, digits, _ and -, at most 100 of them",
            id="name",
        ),
        pytest.param(HEAD.replace("name: plant\n", "") + ERP, "1:1: 'name' is missing", id="missing name"),
        pytest.param(
            HEAD.replace("plant", "null") + ERP,
            "2:7: name: nothing is not text; put it in quotes",
            id="no name",
        ),
        pytest.param(
            HEAD + "topcs: create\n" + ERP,
            "4:1: topcs: unknown option 'topcs'; did you mean 'topics'? "
            "allowed: connectors, daemon, defaults, kafka, name, topics, version",
            id="unknown at the top",
        ),
        pytest.param(
            HEAD + "topics: creat\n" + ERP,
            "4:9: topics: 'creat' is not allowed; did you mean 'create'? allowed: create, require",
            id="enum in its short form",
        ),
        pytest.param(
            HEAD + "topics: {template: '{connector}'}\n" + ERP,
            "4:20: topics.template: '{connector}' must contain {table}, "
            "and may contain {connector}, and no other braces",
            id="template",
        ),
        pytest.param(
            HEAD + ERP + "    streams: {orders: {topic: 'erp.{tabel}'}}\n",
            "8:31: connectors.erp.streams.orders.topic: 'erp.{tabel}' may contain {connector} and {table}, "
            "and no other braces",
            id="topic with braces",
        ),
        pytest.param(
            HEAD + ERP + "    streams: {orders: {topic: ..}}\n",
            "8:31: connectors.erp.streams.orders.topic: '..' is no topic name: Kafka takes 1 to 249 "
            "characters, and not . or ..",
            id="topic",
        ),
        *(
            pytest.param(
                HEAD + ERP + f"    streams: {{orders: {{topic: {topic}}}}}\n",
                f"8:31: connectors.erp.streams.orders.topic: '{topic}' begins as the names of the bridge's "
                "own topics (_bridge.) or of Kafka's (__) do",
                id=topic,
            )
            for topic in ("_bridge.dead-letters.erp", "_bridge_positions_erp", "__transaction_state")
        ),
        pytest.param(
            HEAD + "topics: {template: '_bridge.{table}'}\n" + ERP,
            "4:20: topics.template: '_bridge.{table}' begins as the names of the bridge's own topics "
            "(_bridge.) or of Kafka's (__) do",
            id="template of internal topics",
        ),
        pytest.param(
            HEAD + "topics: {template: '{table}'}\n" + ERP + "    streams: {__consumer_offsets: {}}\n",
            "9:15: connectors.erp.streams.__consumer_offsets: '__consumer_offsets' begins as the names of "
            "the bridge's own topics (_bridge.) or of Kafka's (__) do; give the stream another `topic:`",
            id="a stream that is named as Kafka's own topic",
        ),
        pytest.param(
            HEAD + ERP + "    streams: {orders: {topic: a.b}, items: {topic: a_b}}\n",
            "8:52: connectors.erp.streams.items.topic: 'a_b' is also the topic of erp/orders, line 8; "
            "give each stream its own",
            id="one topic twice",
        ),
        pytest.param(
            HEAD + "defaults: {interval: 5 parsecs}\n" + ERP,
            "4:22: defaults.interval: '5 parsecs' is not a duration; write it like 100ms, 5s, 15m or 1h30m",
            id="duration",
        ),
        pytest.param(
            HEAD + "daemon: {restarts: many}\n" + ERP,
            "4:20: daemon.restarts: 'many' is not a whole number",
            id="number",
        ),
        pytest.param(
            HEAD + ERP + "    streams: {orders: {max_rows_per_s: 0}}\n",
            "8:40: connectors.erp.streams.orders.max_rows_per_s: 0 must be at least 1",
            id="range",
        ),
        pytest.param(
            HEAD + ERP + "    streams: {orders: {exclude: phone}}\n",
            "8:33: connectors.erp.streams.orders.exclude: 'phone' is not a list; write [a, b]",
            id="list of columns",
        ),
        pytest.param(
            HEAD + ERP + "    streams: [orders]\n",
            "8:14: connectors.erp.streams: must be a mapping of options, not a list; "
            "indent the options under it",
            id="streams as a list",
        ),
        pytest.param(
            HEAD + "connectors:\n",
            "4:12: connectors: no connector is configured; write `connectors: {NAME: {kind: KIND, ...}}`",
            id="no connector",
        ),
        pytest.param(
            HEAD + "connectors:\n  erp: {url: x}\n",
            "5:3: connectors.erp: 'kind' is missing; `legacy-bridge connectors` lists the kinds",
            id="no kind",
        ),
        pytest.param(
            HEAD + "connectors:\n  e r p: {kind: shop, url: x}\n",
            "5:3: connectors.e r p: 'e r p' is not a name; use letters, digits, _ and -, at most 100 of them",
            id="connector's name",
        ),
        pytest.param(
            HEAD + ERP + "  erp:\n    kind: shop\n",
            "8:3: connectors.erp: appears twice, first in line 5; rename or remove one",
            id="two connectors of one name",
        ),
        pytest.param(
            HEAD + ERP + "    user: !env USER\n",
            "8:11: connectors.erp.user: tags (!name) have no meaning here; put the value in quotes",
            id="tag",
        ),
        pytest.param(
            HEAD + ERP + "    ? [a, b]\n    : c\n",
            "8:7: connectors.erp: a key must be text; put it in quotes",
            id="key",
        ),
        pytest.param(
            HEAD.replace("bootstrap", "bootstrp") + ERP,
            "3:1: kafka: 'bootstrap.servers' is missing; "
            'write the brokers\' addresses, as in `kafka: {bootstrap.servers: "broker1:9092"}`',
            id="no brokers",
        ),
        pytest.param(
            HEAD + ERP + "    pages: none\n",
            "8:12: connectors.erp.pages: 'none' is not a whole number",
            id="connector's option",
        ),
        pytest.param(
            HEAD + ERP + "    streams: {orders: {mode: imags}}\n",
            "8:30: connectors.erp.streams.orders.mode: 'imags' is not allowed; "
            "did you mean 'images'? allowed: images, incrementing",
            id="connector's stream option",
        ),
        pytest.param(
            HEAD + ERP + "    user: 007\n",
            "8:11: connectors.erp.user: 7 is not text; put it in quotes",
            id="number for text",
        ),
        pytest.param(
            HEAD + ERP.replace("shop\n", "shpo\n"),
            "6:11: connectors.erp.kind: no connector of kind 'shpo'; installed: jdbc, mainframe, oracle, "
            "sap, shop; did you mean 'shop'?",
            id="unknown kind",
        ),
        pytest.param(
            HEAD + ERP.replace("    url: shop://db\n", ""),
            "5:3: connectors.erp: 'url' is missing",
            id="connector's option missing",
        ),
    ],
)
def test_a_wrong_file_is_answered_with_one_line(file: Path, text: str, problem: str) -> None:
    assert wrong(file, text) == [problem if problem[0].isdigit() else f" {problem}"]


@pytest.mark.usefixtures("shop")
def test_a_misspelt_option_gets_the_nearest_spelling_of_engine_and_connector(file: Path) -> None:
    (engine,) = wrong(file, HEAD + ERP + "    intervall: 5s\n")
    (connector,) = wrong(file, HEAD + ERP + "    pagse: 5\n")
    (stream,) = wrong(file, HEAD + ERP + "    streams: {orders: {late_windw: 5s}}\n")

    assert "8:5: connectors.erp.intervall: unknown option 'intervall'; did you mean 'interval'?" in engine
    assert "did you mean 'pages'?" in connector
    assert "did you mean 'late_window'?" in stream


@pytest.mark.usefixtures("shop")
def test_a_default_no_connector_knows_is_an_error(file: Path) -> None:
    (problem,) = wrong(file, HEAD + "defaults: {late_windw: 5s}\n" + ERP)

    assert problem.startswith(
        "4:12: defaults.late_windw: no connector's streams have an option 'late_windw';"
    )
    assert "did you mean 'late_window'?" in problem


@pytest.mark.usefixtures("shop")
def test_a_wrong_inherited_value_is_reported_once_where_it_is_written(file: Path) -> None:
    text = HEAD + "defaults: {columns: id}\n" + ERP + "    streams: {orders: {}, items: {}}\n"

    assert wrong(file, text) == ["4:21: defaults.columns: 'id' is not a list; write [a, b]"]


@pytest.mark.usefixtures("shop")
def test_all_errors_are_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    problems = wrong(
        file,
        """\
        version: 1
        name: a b
        kafka: {acks: 1}
        defaults: {interval: soon}
        connectors:
          erp: {kind: shop, url: 5, on_gap: parc, nothing: 1}
          crm: {kind: none}
        """,
    )

    assert [int(problem.split(":")[0]) for problem in problems] == [2, 3, 3, 4, 6, 6, 6, 7]


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("transactional.id: x", "it fences the predecessor"),
        ("enable.idempotence: false", "without it Kafka would double events"),
        ("acks: 1", "only acks: all is safe"),
        ("max.in.flight.requests.per.connection: 6", "more than 5 breaks the order"),
        ("max.in.flight: 6", "more than 5 breaks the order"),
        ("isolation.level: read_uncommitted", "an aborted position must stay invisible"),
        ("group.id: g", "not in a consumer group"),
        ("enable.auto.commit: true", "not in a consumer group"),
        ("partitioner: random", "tear the order"),
        ("message.timeout.ms: 60001", "must not exceed transaction.timeout.ms (60000)"),
        ("enable.gapless.guarantee: true", "nothing would tell the bridge"),
        ("plugin.library.paths: evil.so", "foreign code"),
        ("internal.termination.signal: 15", "the signal would end the process"),
        ("metadata.broker.list: elsewhere", "place of bootstrap.servers"),
        ("topic.blacklist: erp", "nothing can be published to a topic that is left out"),
        ("test.mock.num.brokers: 3", "a mock cluster"),
        ("queuing.strategy: lifo", "tear the order"),
        ("error_cb: x", "it takes a function"),
        ("message.max.bytes: env:X", "must find a number, not a reference"),
    ],
)
def test_settings_that_break_exactly_once_are_refused_by_name_with_the_reason(
    file: Path, setting: str, why: str
) -> None:
    file.write_text(f"version: 1\nname: p\nkafka:\n  bootstrap.servers: b\n  {setting}\n{ERP}")
    name = setting.partition(":")[0]

    with pytest.raises(ConfigErrors) as caught:
        config.load(file)

    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.where) == (
        5,
        3,
        f"kafka.'{name}'" if "." in name else f"kafka.{name}",
    )
    assert why in problem.text


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "delivery.timeout.ms: 999999",
            "must not exceed transaction.timeout.ms (60000); lower it, or raise transaction.timeout.ms",
        ),
        (
            "message.timeout.ms: 0",
            "exceeds transaction.timeout.ms (60000); lower it, or raise transaction.timeout.ms",
        ),
        ("logger: print", "no file can give; remove it"),
        ("max.in.flight: 6", "order of events; lower it"),
        ("metadata.broker.list: elsewhere", "place of bootstrap.servers; write bootstrap.servers"),
        ("transaction.timeout.ms: env:X", "not a reference; write the number"),
        ("topic.blacklist: erp", "left out; remove it"),
        (
            "sasl.oauthbearer.config: 'principal=x client_secret=hunter2'",
            "a secret in clear (not shown); write env:NAME, file:PATH or cred:NAME",
        ),
    ],
)
def test_a_setting_that_is_refused_is_told_with_what_to_do(file: Path, setting: str, told: str) -> None:
    file.write_text(f"version: 1\nname: p\nkafka:\n  bootstrap.servers: b\n  {setting}\n{ERP}")
    with pytest.raises(ConfigErrors) as caught:
        config.load(file)
    (problem,) = caught.value.problems
    assert str(problem).endswith(told)


@pytest.mark.parametrize(
    "setting",
    ["acks: all", "acks: -1", "max.in.flight: 5", "message.timeout.ms: 30000", "security.protocol: SASL_SSL",
     "sasl.username: env:KAFKA_USER", "ssl.ca.location: probe", "ssl.ca.location: /etc",
     "sasl.password: cred:kafka"],
)  # fmt: skip
def test_any_other_setting_passes_through_to_librdkafka(file: Path, setting: str) -> None:
    name, _, value = setting.partition(": ")
    kafka = load(file, f"version: 1\nname: p\nkafka:\n  bootstrap.servers: b\n  {setting}\n{ERP}").kafka

    assert str(kafka[name]) in (value, f"Secret({value})")


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/not/here.pem", "No such file or directory"), ("/etc", "Is a directory")],
)
def test_a_certificate_that_cannot_be_read_is_told_with_its_place_and_reason(
    file: Path, path: str, reason: str
) -> None:
    name = "ssl.certificate.location"
    with pytest.raises(ConfigErrors) as caught:
        load(file, f"version: 1\nname: p\nkafka:\n  bootstrap.servers: b\n  {name}: {path}\n{ERP}")
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{file}:5:29: kafka.'{name}': cannot read '{path}': {reason}; check")
    assert problem in inspected(file)


CRM = ERP.replace("erp", "crm").removeprefix("connectors:\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEAD + "defaults: {topic: shared.orders}\n" + ERP + CRM,
            "9:3: connectors.crm: 'shared.orders' is also the topic of erp, line 6; give each stream its own",
        ),
        (
            HEAD
            + ERP
            + "    topic: shared.orders\n"
            + CRM
            + "    streams: {orders: {topic: shared_orders}}\n",
            "12:31: connectors.crm.streams.orders.topic: 'shared_orders' is also the topic of erp, line 8; ",
        ),
        (
            HEAD + ERP + "    streams: {a: {topic: o}}\n" + CRM + "    streams: {b: {topic: o}}\n",
            "12:26: connectors.crm.streams.b.topic: 'o' is also the topic of erp/a, line 8; ",
        ),
        (
            HEAD + ERP + "    streams: {orders: {}}\n" + CRM + "    streams: {b: {topic: erp.orders}}\n",
            "12:26: connectors.crm.streams.b.topic: 'erp.orders' is also the topic of erp/orders, line 8; ",
        ),
        (
            HEAD + ERP + "    topic: crm_orders\n" + CRM + "    streams: {orders: {}}\n",
            "12:15: connectors.crm.streams.orders: 'crm.orders' is also the topic of erp, line 8; ",
        ),
        (
            HEAD
            + "topics: {template: '{table}'}\n"
            + ERP
            + "    streams: {a: {}}\n"
            + CRM
            + "    streams: {a: {}}\n",
            "13:15: connectors.crm.streams.a: 'a' is also the topic of erp/a, line 9; ",
        ),
    ],
)
def test_two_connectors_with_one_topic_are_refused(file: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(file, text)
    (problem,) = caught.value.problems
    assert str(problem).removeprefix(f"{file}:").startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "defaults: {topic: o}\n" + ERP + CRM + "    topic: p\n",
        HEAD + "defaults: {topic: o}\n" + ERP + CRM + "    streams: {orders: {topic: p}}\n",
        HEAD + "defaults: {topic: '{connector}.{table}'}\n" + ERP + CRM,
        HEAD + ERP + "    topic: o\n    streams: {a: {}, b: {}}\n" + CRM,
        HEAD + ERP + "    topic: '{connector}'\n    streams: {a: {}, b: {}}\n" + CRM,
        HEAD + ERP + "    streams: {'*': {}}\n" + CRM + "    streams: {b: {topic: erp.b}}\n",
    ],
)
def test_connectors_with_topics_of_their_own_may_stand_together(file: Path, text: str) -> None:
    assert set(load(file, text).connectors) == {"erp", "crm"}


SECRET_PLACES = [
    "kafka: {bootstrap.servers: b, sasl.password: SECRET}",
    "kafka: {bootstrap.servers: b, sasl.oauthbearer.client.secret: SECRET}",
    "kafka: {bootstrap.servers: b, ssl.key.pem: SECRET}",
    "kafka: {bootstrap.servers: b, SECRET",
    "kafka: {bootstrap.servers: b, password: *SECRET}",
    "kafka: {bootstrap.servers: b, password: !SECRET x}",
    "kafka: {bootstrap.servers: b, password: {SECRET: x}}",
    "kafka: 'password=SECRET'",
    "connectors: {erp: {kind: shop, url: x, password: SECRET}}",
    "connectors: {erp: {kind: shop, url: x, pasword: SECRET}}",
    "connectors: {erp: {kind: shop, url: 'shop://bob:SECRET@db'}}",
    "connectors: {erp: {kind: shop, url: 'jdbc:x://db?user=bob&password=SECRET'}}",
    "connectors: {erp: {kind: shop, url: x, login: {token: SECRET}}}",
    "connectors: {erp: {kind: shop, url: x, password: [SECRET]}}",
    "connectors: {erp: {kind: shop, url: x, pages: 'jdbc:x:;PASSWORD=SECRET'}}",
    "connectors: {erp: {kind: shop, url: x, streams: {a: {api_key: SECRET}}}}",
    "connectors: {erp: SECRET}",
    "connectors: {password:SECRET}",
    "connectors: {erp: {kind: shop, url: x, password:SECRET}}",
    "kafka: {sasl.password:SECRET}",
    "{password:SECRET}",
    "defaults: {password:SECRET}",
    "defaults: {password: SECRET}",
]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("option", ["max_sessions", "max_rows_per_s", "confirm_deletes"])
def test_a_yes_is_no_number(file: Path, option: str) -> None:
    problems = wrong(
        file,
        f"""
        version: 1
        name: p
        kafka: {{bootstrap.servers: k}}
        connectors: {{e: {{kind: shop, {option}: true}}}}
        """,
    )
    assert [each for each in problems if "is no number" in each], problems


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("place", SECRET_PLACES)
@pytest.mark.parametrize("secret", ["hunter2XYZ", "917263"])
def test_a_secret_in_clear_is_refused_and_never_shown(file: Path, place: str, secret: str) -> None:
    problems = wrong(file, f"version: 1\nname: p\n{place.replace('SECRET', secret)}\n")

    assert problems
    assert secret not in "\n".join(problems)


def test_the_place_of_a_secret_is_none(file: Path) -> None:
    connector = 'c: {kind: jdbc, logon: [{fill: {user: "{user}", password: "{password}"}}]}'
    text = f"version: 1\nname: p\nkafka: {{bootstrap.servers: b}}\nconnectors: {{{connector}}}\n"
    assert "in clear" not in "".join(wrong(file, text))
    assert "in clear" in "".join(wrong(file, text.replace("{password}", "{password}1")))


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cannot read the file: No such file or directory"):
        config.load(tmp_path / "none.yaml")
    with pytest.raises(ConfigErrors, match="cannot read the file: Is a directory"):
        config.load(tmp_path)


def test_a_file_that_is_not_utf_8_names_the_line(file: Path) -> None:
    file.write_bytes(b"version: 1\nname: M\xfcnchen\n")
    with pytest.raises(ConfigErrors, match=r"yaml:2: the file is not UTF-8; save it as UTF-8"):
        config.load(file)


def test_aliases_that_never_end_are_refused(file: Path) -> None:
    bomb = "\n".join(f"l{n + 1}: &l{n + 1} [{', '.join([f'*l{n}'] * 9)}]" for n in range(9))

    assert "aliases make it endless" in wrong(file, f"l0: &l0 [1]\n{bomb}\n")[0]
    assert "aliases make it endless; write out what" in wrong(file, "a: &a [*a]\n")[0]


@pytest.mark.parametrize(
    "text",
    [
        "kafka: " + "[" * 100_000,
        "kafka:\n" + "- " * 100_000 + "a\n",
        "l0: &l0 [1]\n" + "\n".join(f"l{n + 1}: &l{n + 1} [*l{n}]" for n in range(2_000)),
    ],
)
def test_a_file_that_nests_too_deep_is_refused_before_it_can_end_the_process(file: Path, text: str) -> None:
    (problem,) = wrong(file, text)
    assert re.match(r"\d+:\d+: not YAML: it nests more than 64 deep; no option needs that", problem)


def test_a_run_directory_too_long_for_a_socket_is_refused(file: Path) -> None:
    with pytest.raises(ConfigErrors, match="too long for the path of a socket"):
        load(file, HEAD + f"daemon: {{run_dir: /{'x' * 100}}}\n" + ERP)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEAD + ERP + "    transaction: {age: 31s}\n",
            "8:24: connectors.erp.transaction.age: 31s is more than 30s, half of kafka's",
        ),
        (
            HEAD + "defaults: {transaction: {age: 40s}}\n" + ERP,
            "4:31: defaults.transaction.age: 40s is more than 30s, half of kafka's transaction.timeout.ms",
        ),
        (
            HEAD + "daemon: {run_dir: run}\n" + ERP,
            "4:19: daemon.run_dir: 'run' is relative, and commands start elsewhere than the daemon;",
        ),
        (
            HEAD + 'daemon: {http: "*:80"}\n' + ERP,
            "4:16: daemon.http: '*:80' names no address; all of this machine's are 0.0.0.0:80",
        ),
        (HEAD + "daemon: {http: '127.0.0.1:\u0663'}\n" + ERP, "4:16: daemon.http: "),
        (HEAD + "topics: {partitions: 100001}\n" + ERP, "4:22: topics.partitions: 100001 must be at most"),
        (HEAD + "topics: {replication: 99999}\n" + ERP, "4:23: topics.replication: 99999 must be at most"),
        (HEAD + "defaults: {interval: 400d}\n" + ERP, "4:22: defaults.interval: '400d' must be at most 366d"),
        (
            HEAD + "defaults: {quiet_hours: 22:00-25:00 UTC}\n" + ERP,
            "4:25: defaults.quiet_hours: '22:00-25:00 UTC' has 25:00, a time that no day has; write it like",
        ),
    ],
)
def test_what_could_not_work_is_refused_in_words(file: Path, shop: None, text: str, told: str) -> None:
    (found,) = wrong(file, text)
    assert found.startswith(told)


def test_a_longer_transaction_timeout_allows_older_transactions(file: Path, shop: None) -> None:
    longer = HEAD.replace("kafka: {", "kafka: {transaction.timeout.ms: 600000, ")
    assert wrong(file, longer + ERP + "    transaction: {age: 5m}\n") == []
