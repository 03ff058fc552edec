"""What a monitoring system is told about a status document."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.health import LONGEST, Level, Reason, Unreadable, judge, span
from bridge.states import TABLE, Facts, State, derive

PERFDATUM = re.compile(r"(?:'(?:[^'=|]|'')+'|[a-z_]+)=-?[0-9.]+(?:s|c)?(?:;[0-9.]*){0,4}")
"""One value as the Monitoring Plugins Guidelines (2.6) write it."""


def stream(
    state: str = "RUNNING", health: str = "ok", error: str | None = None, **more: Any
) -> dict[str, Any]:
    figures = {"state_s": 180.0, "lag_s": 0.4, "events": 10, "rejects": 0}
    return {"state": state, "health": health, "error": error, **figures, **more}


def connector(
    state: str = "RUNNING",
    health: str = "ok",
    error: str | None = None,
    streams: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    figures = {"kind": "jdbc", "state_s": 60.0, "restarts": 0}
    return {"state": state, "health": health, "error": error, "streams": streams or {}, **figures, **more}


def status(reload_error: str | None = None, **connectors: Any) -> dict[str, Any]:
    daemon = {"name": "plant", "uptime_s": 3600.0, "reload_error": reload_error}
    return {"schema": 1, "daemon": daemon, "connectors": connectors}


def test_all_well_says_how_many_streams_run_and_how_far_behind_they_are() -> None:
    verdict = judge(status(erp=connector(streams={"a": stream(lag_s=0.2), "b": stream("QUIET", lag_s=7.0)})))

    assert verdict.level is Level.OK
    assert verdict.line.startswith("BRIDGE OK - plant: streams: 1 RUNNING, 1 QUIET, lag 7.0 s | ")


def test_a_resnapshot_under_way_is_told_with_its_rows() -> None:
    one = {"rows": 1200, "at": "2026-01-31T12:00:00+00:00", "by": "uid 0", "within": {}, "error": None}
    streams = {"a": stream(resnapshot=one), "b": stream(resnapshot=None)}
    assert (
        ", 1 resnapshot since 2026-01-31T12:00:00+00:00: 1,200 rows so far"
        in judge(status(erp=connector(streams=streams))).line
    )


def test_the_states_are_documented_in_the_order_in_which_they_count() -> None:
    told = (Path(__file__).parents[2] / "docs" / "health.md").read_text()
    rows = re.findall(r"^\| ([A-Z]+) \|.*\| ([A-Z]+)[^|]*\|$", told, re.MULTILINE)
    every = Facts(parked=True, paused=True, quiet=True, failing=True, late_s=99.0)
    facts = [every, replace(every, parked=False)]
    changes: list[dict[str, Any]] = [
        {"paused": False},
        {"late_s": 0.0},
        {"failing": False},
    ]
    for change in changes:
        facts.append(replace(facts[-1], **change))
    facts += [Facts(), Facts(polled=True)]

    states = [(row, health) for row, health in rows if row in State.__members__]
    failed, *others = map(derive, facts)
    order = [failed, State.STANDBY, *others]  # which is no stream's alone
    assert states == [(state, TABLE[state].health.upper()) for state in order]


def test_a_daemon_that_has_just_started_is_ok_and_says_so() -> None:
    assert judge(status(erp=connector("STARTING"))).summary == "plant: connectors: 1 STARTING"


def test_a_failed_stream_is_critical_and_names_its_state_duration_and_error() -> None:
    failed = stream("FAILED", "critical", "no table 'x'; there are: y")

    verdict = judge(status(erp=connector(streams={"orders": failed})))

    assert verdict.level.code == 2
    assert verdict.summary == "erp/orders FAILED for 3 min: no table 'x'; there are: y"


def test_of_a_long_error_the_middle_is_cut_and_the_remedy_is_told() -> None:
    error = f"connecting to erp: {'the driver says much ' * 20}[08001]; check that the database runs"
    verdict = judge(status(erp=connector("BACKOFF", "warning", error)))
    assert verdict.summary.startswith("erp BACKOFF for 60 s: connecting to erp: the driver says")
    assert verdict.summary.endswith("[08001]; check that the database runs")
    assert len(verdict.summary) == LONGEST


def test_the_worst_comes_first_and_the_rest_is_counted() -> None:
    streams = {name: stream("PAUSED", "warning", f"by {name}") for name in "abcd"}

    verdict = judge(
        status(erp=connector(streams=streams), crm=connector("FAILED", "critical", "wrong password"))
    )

    assert verdict.level is Level.CRITICAL
    assert verdict.summary.startswith("crm FAILED for 60 s: wrong password; also erp/a PAUSED")
    assert verdict.summary.endswith("; and 2 more")


def test_streams_that_suffer_from_their_connectors_trouble_are_not_told_again() -> None:
    streams = {name: stream("BACKOFF", "warning", "refused") for name in "abc"}

    verdict = judge(status(erp=connector("BACKOFF", "warning", "refused", streams)))

    assert verdict.reasons == (Reason(Level.WARNING, "erp", "BACKOFF for 60 s: refused"),)


def test_a_stream_that_is_worse_than_its_connector_is_told() -> None:
    streams = {"a": stream("BACKOFF", "critical", "refused")}

    verdict = judge(status(erp=connector("BACKOFF", "warning", "refused", streams)))

    assert verdict.level is Level.CRITICAL


def test_streams_with_the_same_trouble_are_told_together() -> None:
    streams = {name: stream("FAILED", "critical", "schema changed") for name in "abcde"}

    (reason,) = judge(status(erp=connector(streams=streams))).reasons

    assert reason.where == "erp/a, erp/b, erp/c and 2 more"


def test_a_refused_reload_is_a_warning() -> None:
    verdict = judge(status("bridge.yaml:3:1 ...", erp=connector()))

    assert verdict.level is Level.WARNING
    assert "reload refused" in verdict.summary


def test_one_connector_can_be_looked_at_alone() -> None:
    document = status(erp=connector(streams={"a": stream()}), crm=connector("FAILED", "critical", "no"))

    verdict = judge(document, "erp")

    assert verdict.level is Level.OK
    assert "'a_lag'=0.4s" in verdict.perfdata


def test_an_unknown_connector_is_named_with_those_there_are() -> None:
    with pytest.raises(Unreadable, match="no connector 'crm'; there are: erp"):
        judge(status(erp=connector()), "crm")


def test_a_document_of_another_version_is_not_guessed_at() -> None:
    with pytest.raises(Unreadable, match="schema 2"):
        judge({"schema": 2, "future": {}})


@pytest.mark.parametrize(
    "missing",
    [{"daemon": {}}, {"connectors": {"erp": {}}}, {"connectors": [1]}, {"connectors": {"erp": "up"}}],
)
def test_a_document_that_misses_something_is_not_guessed_at(missing: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match=r"cannot be understood: .*; use the daemon's own version"):
        judge({**status(erp=connector()), **missing})


def test_further_reasons_make_a_verdict_worse_and_never_better() -> None:
    verdict = judge(status(erp=connector(streams={"a": stream("PAUSED", "warning", "by uid 0")})))

    worse = verdict.but(iter([Reason(Level.CRITICAL, "erp", "no grant")]))
    same = worse.but(iter([Reason(Level.WARNING, "erp", "no index")]))

    assert (worse.level, same.level) == (Level.CRITICAL, Level.CRITICAL)
    assert worse.summary.startswith("erp no grant; also erp/a PAUSED")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.6, "60 s"), (180, "3 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert span(seconds) == text


texts = st.none() | st.text(max_size=1000)
states = st.sampled_from([str(state) for state in State])
healths = st.sampled_from(["ok", "warning", "critical"])
names = st.text(min_size=1, max_size=20).filter(lambda name: name.isprintable() and name.strip() == name)
streams_of_any_kind = st.dictionaries(
    names,
    st.builds(stream, states, healths, texts, lag_s=st.none() | st.floats(0, 1e6).map(lambda s: round(s, 3))),
    max_size=6,
)
documents = st.builds(
    lambda connectors, error: status(error, **connectors),
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.builds(connector, states, healths, texts, streams_of_any_kind),
        max_size=4,
    ),
    texts,
)


@given(documents)
def test_whatever_the_status_it_is_one_line_with_perfdata_and_the_worst_level(
    document: dict[str, Any],
) -> None:
    verdict = judge(document)
    told, _, perfdata = verdict.line.partition(" | ")

    items = [item for each in document["connectors"].values() for item in (each, *each["streams"].values())]
    worst = max((list(Level).index(item["health"]) for item in items), default=0)
    assert verdict.level.code == max(worst, 1 if document["daemon"]["reload_error"] else 0)
    assert len(verdict.line.splitlines()) == 1
    assert "|" not in told
    assert len(told) < 1200
    assert all(PERFDATUM.fullmatch(each) for each in re.findall(r"(?:'(?:[^']|'')*'|[^' ])+", perfdata))


def test_a_name_with_control_characters_leaves_the_verdict_on_its_one_line() -> None:
    wild = "a\nb\x1b[2J"
    failed = stream("FAILED", "critical", "no \x1b[31mtable")

    line = judge(status(erp=connector(streams={wild: failed})), "erp").line

    assert line.isprintable()
    assert r"erp/a\nb\x1b[2J FAILED for 3 min: no \x1b[31mtable" in line
    assert r"'a\nb\x1b[2J_lag'=0.4s" in line
