"""JSON, XML and vectors as text.

JSON Developer's Guide; XML DB Developer's Guide; AI Vector Search User's Guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from bridge.testing.oracle.coercion import number_of, stored
from bridge.testing.oracle.datatypes import NUMBER, VARCHAR2, Type
from bridge.testing.oracle.engine.conversion import NOTHING, as_text, family
from bridge.testing.oracle.engine.numbers import number_text
from bridge.testing.oracle.engine.scope import Env, Term, combined
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import Json, Obj, Stamp, Xml

CLOB = Type("CLOB")
_STEP = re.compile(r"\.(?:\"(?P<quoted>[^\"]*)\"|(?P<name>\w+))|\[(?P<index>\d+|\*)\]")


def json_text(value: Any) -> str:
    """Without blanks; numbers with all their digits."""
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(str(k))}:{json_text(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(json_text(each) for each in value) + "]"
        case Decimal():
            return str(value) if value == value.to_integral_value() else format(value, "f")
        case Stamp():
            return json.dumps(value.datetime.isoformat())
        case bytes():
            return json.dumps(value.hex().upper())
    return json.dumps(value, ensure_ascii=False)


def document(value: Any) -> Any:
    """What a JSON value or a text holds; ORA-40441."""
    if isinstance(value, Json):
        return value.value
    try:
        return json.loads(value, parse_float=Decimal)
    except (ValueError, TypeError):
        raise OracleError(40441) from None


def found(value: Any, path: str) -> Iterator[Any]:
    """What a path leads to; ORA-40442 for one that is not known here."""
    if not path.startswith("$"):
        raise OracleError(40442)
    rest, values = path[1:].strip(), [value]
    while rest:
        match = _STEP.match(rest)
        if match is None:
            raise OracleError(40442)
        rest = rest[match.end() :]
        values = [deeper for each in values for deeper in _deeper(each, match)]
    return iter(values)


def _deeper(value: Any, step: re.Match[str]) -> Iterator[Any]:
    if step["index"] is None:
        name = step["quoted"] if step["quoted"] is not None else step["name"]
        if isinstance(value, dict) and name in value:
            yield value[name]
    elif step["index"] == "*":
        yield from value if isinstance(value, list) else [value]
    elif isinstance(value, list) and int(step["index"]) < len(value):
        yield value[int(step["index"])]


def scalar(type_: Type, value: Any) -> Any:
    """A scalar of a document in the type asked for; NULL for what is none."""
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        value = "true" if value else "false"
    if type_.name == "NUMBER":
        return number_of(str(value))
    return stored(type_, number_text(value) if isinstance(value, int | Decimal | float) else value)


def _lifted(type_: Type, terms: list[Term], run: Callable[..., Any]) -> Term:
    runs = [term.run for term in terms]

    def lifted(env: Env) -> Any:
        values = [each(env) for each in runs]
        return None if None in values else run(*values)

    return combined(type_, lifted, terms)


def _of_json(term: Term) -> Term:
    if term.type.name != "JSON" and family(term.type) != "CHAR" and term.type != NOTHING:
        raise OracleError(932, "JSON", term.type.name)
    return term


def _serialized(terms: list[Term], returning: Type | None) -> Term:
    type_ = returning or VARCHAR2
    return _lifted(type_, [_of_json(terms[0])], lambda value: stored(type_, json_text(document(value))))


def _json_value(terms: list[Term], returning: Type | None) -> Term:
    type_ = returning or VARCHAR2

    def run(value: Any, path: str) -> Any:
        return scalar(type_, next(found(document(value), path), None))

    return _lifted(type_, [_of_json(terms[0]), as_text(terms[1])], run)


def _json_query(terms: list[Term], returning: Type | None) -> Term:
    type_ = returning or VARCHAR2

    def run(value: Any, path: str) -> Any:
        inside = next(found(document(value), path), None)
        return json_text(inside) if isinstance(inside, dict | list) else None

    return _lifted(type_, [_of_json(terms[0]), as_text(terms[1])], run)


def _xml_serialized(terms: list[Term], returning: Type | None) -> Term:
    if terms[0].type.name != "XMLTYPE" and terms[0].type != NOTHING:
        raise OracleError(932, "SYS.XMLTYPE", terms[0].type.name)
    return _lifted(returning or CLOB, terms, lambda value: value.text)


def _xml(terms: list[Term], _: Type | None) -> Term:
    """XMLTYPE(text) reads it, XMLTYPE(object) shows it as SYS_XMLGEN would."""
    term = terms[0]
    if term.type.of_object:
        return _lifted(Type("XMLTYPE"), terms, lambda value: Xml(object_xml(value)))
    return _lifted(Type("XMLTYPE"), [as_text(term)], Xml)


def object_xml(value: Obj) -> str:
    name = value.type.rpartition(".")[2]
    parts = "".join(_element(each, inside) for each, inside in value.attributes if inside is not None)
    return f"<{name}>{parts}</{name}>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, Obj):
        inner = object_xml(value).partition(">")[2].rpartition("<")[0]
    elif isinstance(value, tuple):
        inner = "".join(_element("ITEM", each) for each in value)
    else:
        shown = value if isinstance(value, str) else json_text(value).strip('"')
        inner = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<{name}>{inner}</{name}>"


def vector_text(value: tuple[Any, ...]) -> str:
    """FROM_VECTOR: `[1.0E+000,2.5E+000]`, each to its shortest."""
    return "[" + ",".join(_coordinate(each) for each in value) + "]"


def _coordinate(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    plain = Decimal(repr(float(value)))
    digits = "".join(map(str, plain.as_tuple().digits)).lstrip("0").rstrip("0") or "0"
    power = plain.adjusted() if value else 0
    mantissa = ("-" if value < 0 else "") + digits[0] + "." + (digits[1:] or "0")
    return f"{mantissa}E{'-' if power < 0 else '+'}{abs(power):03d}"


def _vector(terms: list[Term], returning: Type | None) -> Term:
    if terms[0].type.name != "VECTOR" and terms[0].type != NOTHING:
        raise OracleError(932, "VECTOR", terms[0].type.name)
    return _lifted(returning or VARCHAR2, terms, vector_text)


def _dimensions(terms: list[Term], _: Type | None) -> Term:
    return _lifted(NUMBER, terms, len)


Build = Callable[[list[Term], Type | None], Term]
FUNCTIONS: dict[str, tuple[int, int, Build]] = {
    "JSON_SERIALIZE": (1, 1, _serialized),
    "JSON_VALUE": (2, 2, _json_value),
    "JSON_QUERY": (2, 2, _json_query),
    "XMLSERIALIZE": (1, 1, _xml_serialized),
    "XMLTYPE": (1, 1, _xml),
    "FROM_VECTOR": (1, 1, _vector),
    "VECTOR_SERIALIZE": (1, 1, _vector),
    "VECTOR_DIMENSION_COUNT": (1, 1, _dimensions),
}
