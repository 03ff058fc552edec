"""PL/SQL blocks of calls and assignments (PL/SQL Packages and Types Reference)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.testing.oracle.engine.compiling import Compiler
from bridge.testing.oracle.engine.planning import Planner
from bridge.testing.oracle.engine.scope import Env, Scope
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.session import Answer, Session

Arguments = Mapping[str, Any]
Procedure = Callable[[Session, Arguments], None]


def run_block(session: Session, block: s.Block, planner: Planner, env: Env) -> Answer:
    """Step by step; what was assigned to binds is in the answer."""
    outs: dict[str, Any] = {}
    compiler = Compiler(Scope(session), planner.needs, planner.plan)
    for step in block.steps:
        if step.value is not None:
            term = compiler.term(step.value)
            _permit(session, planner)
            outs[step.target] = term.run(env)
        else:
            _procedure(session, step.name)(session, _arguments(step, compiler, env))
    return Answer(outs=outs)


def _permit(session: Session, planner: Planner) -> None:
    for action, owner, name in planner.needs.grants:
        if not session.grants.allows(session.user, action, owner, name):
            raise OracleError(6550, name)


def _procedure(session: Session, parts: tuple[str, ...]) -> Procedure:
    name = parts[1:] if parts[0] == "SYS" else parts
    procedure = session.store.procedures.get(name) or _PROCEDURES.get(name)
    if procedure is None or not session.grants.allows(session.user, "EXECUTE", "SYS", name[0]):
        raise OracleError(6550, ".".join(parts))
    return procedure


def _arguments(step: s.Step, compiler: Compiler, env: Env) -> Arguments:
    return {
        name or str(place): compiler.term(value).run(env)
        for place, (name, value) in enumerate(step.arguments, 1)
    }


def _labels(*names: str) -> Procedure:
    """A procedure that labels the session: each argument, by name or place, one attribute of USERENV."""

    def run(session: Session, arguments: Arguments) -> None:
        for key, value in arguments.items():
            place = int(key) - 1 if key.isdigit() else None
            attribute = names[place] if place is not None else _ATTRIBUTES.get(key, "")
            if attribute not in names:
                raise OracleError(6550, key)
            session.context[attribute] = value or ""

    return run


_ATTRIBUTES = {
    "MODULE_NAME": "MODULE",
    "ACTION_NAME": "ACTION",
    "CLIENT_INFO": "CLIENT_INFO",
    "CLIENT_ID": "CLIENT_IDENTIFIER",
}
_PROCEDURES: Mapping[tuple[str, ...], Procedure] = {
    ("DBMS_APPLICATION_INFO", "SET_MODULE"): _labels("MODULE", "ACTION"),
    ("DBMS_APPLICATION_INFO", "SET_ACTION"): _labels("ACTION"),
    ("DBMS_APPLICATION_INFO", "SET_CLIENT_INFO"): _labels("CLIENT_INFO"),
    ("DBMS_SESSION", "SET_IDENTIFIER"): _labels("CLIENT_IDENTIFIER"),
}
