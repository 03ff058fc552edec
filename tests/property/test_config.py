"""Whatever stands in the file: problems with places, no traceback, no secret. What loads survives JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge import config
from bridge.config import ConfigErrors, Settings
from bridge.inspection import inspected

here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
SECRET = "hunter2XYZ"

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(
        ["5s", "10%", "jdbc", "env:X", "create", "off", f"x://u:{SECRET}@h", f"password={SECRET}"]
    ),
)
KNOWN = (
    *(
        "version",
        "name",
        "kafka",
        "topics",
        "daemon",
        "defaults",
        "connectors",
        "erp",
        "kind",
        "streams",
        "interval",
    ),
    *(
        "bootstrap.servers",
        "acks",
        "template",
        "log",
        "http",
        "quiet_hours",
        "mode",
        "url",
        "run_dir",
        "encoder",
    ),
)
keys = st.one_of(st.text(max_size=5), st.sampled_from(KNOWN))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=25,
)


def problems(file: Path) -> list[config.Problem]:
    try:
        config.load(file)
    except ConfigErrors as error:
        return list(error.problems)
    return []


@here
@given(
    st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "ignore")))
)
def test_no_file_makes_a_traceback(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_bytes(content)

    assert all("\n" not in str(problem) for problem in problems(file))


@here
@given(trees, st.dictionaries(keys, trees, max_size=4))
@example(connectors={"erp": {"kind": f"x://u:{SECRET}@h"}}, rest={})
def test_no_tree_makes_a_traceback_or_a_problem_without_a_place(
    tmp_path: Path, connectors: Any, rest: dict[str, Any]
) -> None:
    file = tmp_path / "bridge.yaml"
    head = {"version": 1, "name": "p", "kafka": {"bootstrap.servers": "b"}, "connectors": connectors}
    file.write_text(yaml.safe_dump(head | rest | {"version": 1}, allow_unicode=True), encoding="utf-8")
    lines = len(file.read_text(encoding="utf-8").splitlines())  # YAML, too, breaks lines at U+0085 and U+2028

    for problem in [*problems(file), *inspected(file)]:
        assert problem.line
        assert problem.column
        assert 1 <= problem.line <= lines + 1
        assert SECRET not in str(problem)


durations = st.one_of(
    st.integers(1, 10_000),
    st.from_regex(re.compile(r"[1-9][0-9]{0,3}(ms|s|m)", re.ASCII), fullmatch=True),
    st.integers(1, 366 * 24).map("{}h".format),
)
streams = st.fixed_dictionaries(
    {},
    optional={
        "interval": durations,
        "deadline": durations,
        "topic": st.text("abc.", min_size=1, max_size=5).map("{{table}}{}".format),
        "on_gap": st.sampled_from(["park", "rescan"]),
        "quiet_hours": st.sampled_from(["22:00-02:00 Europe/Berlin", "1:00-2:30,12:00-13:00 UTC"]),
        "max_rows_per_s": st.integers(1, 10**9),
        "exclude": st.lists(st.text(max_size=5), max_size=3),
        "columns": st.lists(st.text(max_size=5), max_size=3),
    },
)


class Quoted(yaml.SafeDumper):
    """Texts in quotes, since YAML reads more numbers than PyYAML knows of: `0E0`."""


Quoted.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@here
@given(streams, streams, st.dictionaries(st.text("abc*", min_size=1, max_size=3), streams, max_size=3))
@example(defaults={"interval": "8784h"}, connector={"exclude": ["0E0"]}, own={})
def test_what_loads_survives_json_and_streams_inherit(
    tmp_path: Path, defaults: dict[str, Any], connector: dict[str, Any], own: dict[str, dict[str, Any]]
) -> None:
    file = tmp_path / "bridge.yaml"
    tree = {
        "version": 1,
        "name": "p",
        "kafka": {"bootstrap.servers": "b", "sasl.password": "env:K"},
        "defaults": defaults,
        "connectors": {"erp": {"kind": "jdbc", **connector, "streams": own}},
    }
    file.write_text(yaml.dump(tree, Dumper=Quoted), encoding="utf-8")

    loaded = config.load(file)

    again = Settings.model_validate(json.loads(json.dumps(loaded.model_dump(mode="json"))))
    assert again.model_dump() == loaded.model_dump()
    for pattern, options in own.items():
        expected = config.StreamOptions.model_validate(
            {key: value for key, value in {**defaults, **connector, **options}.items() if key != "columns"}
        )
        assert loaded.connectors["erp"].streams[pattern] == expected


@pytest.mark.parametrize(
    "line", ["password: {}", "kafka: {{sasl.password: {}", "- {}: [", "a: *{}", "a: !{} b", 'a: "{}']
)
@given(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=8).map("XQ{}ZJ".format)
)
def test_a_syntax_error_does_not_quote_the_file(
    tmp_path_factory: pytest.TempPathFactory, line: str, secret: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "syntax.yaml"
    file.write_text(f"version: 1\n{line.format(secret)}\n")

    assert not [problem for problem in problems(file) if secret in str(problem).removeprefix(str(file))]
