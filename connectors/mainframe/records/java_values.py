"""Java values as Python's, recursively, and arguments as Java's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache, partial
from typing import Any

import jpype

from bridge.errors import ConfigError
from connectors.jvm import java
from connectors.mainframe.records.java_options import PLACEHOLDER, Request, Typed

_DEEPEST = 32
_INT = range(-(2**31), 2**31)


class Unreadable(Exception):
    """An answer that cannot be converted: what, and where."""


class Garbled(str):
    """A text of Java's that is none of Unicode's (half of a surrogate pair), as its bytes show it."""

    __slots__ = ()


# -- from Java


def python_of(value: Any, depth: int = 0) -> Any:
    """Text, numbers, bytes, lists and dicts; of a bean a dict of its properties. Errors: Unreadable."""
    if depth > _DEEPEST:
        raise Unreadable(f"the answer is nested more than {_DEEPEST} deep, or without end")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, jpype.JArray):
        return _array(value, depth)
    if isinstance(value, jpype.JObject):
        convert = next(
            (each for name, each in _CONVERSIONS.items() if isinstance(value, _class(name))), _bean
        )
        return convert(value, depth)
    return next((kind(value) for kind in (str, int, float) if isinstance(value, kind)), value)


def _got(get: Callable[[], Any], depth: int) -> Any:
    """One part of an answer; JPype makes texts Python's as it hands them over."""
    try:
        part = get()
    except UnicodeDecodeError as error:
        return Garbled(bytes(error.object).decode(errors="backslashreplace"))
    return python_of(part, depth + 1)


@cache
def _class(name: str) -> Any:
    return java(name)


def _array(value: Any, depth: int) -> Any:
    if isinstance(value, jpype.JArray(jpype.JByte)):
        return bytes(value)
    if isinstance(value, jpype.JArray(jpype.JChar)):
        return str(java("java.lang.String").valueOf(value))
    return [_got(partial(value.__getitem__, at), depth) for at in range(len(value))]


def _list(value: Any, depth: int) -> list[Any]:
    iterator, found = value.iterator(), []
    while iterator.hasNext():
        found.append(_got(iterator.next, depth))
    return found


def _map(value: Any, depth: int) -> dict[str, Any]:
    iterator, found = value.entrySet().iterator(), {}
    while iterator.hasNext():
        entry = iterator.next()
        found[str(_got(entry.getKey, depth))] = _got(entry.getValue, depth)
    return found


def _text(value: Any, _depth: int) -> str:
    return str(value.toString())


_CONVERSIONS: Mapping[str, Callable[[Any, int], Any]] = {
    "java.lang.CharSequence": _text,
    "java.lang.Boolean": lambda value, _: bool(value.booleanValue()),
    "java.lang.Character": lambda value, _: str(value.toString()),
    "java.math.BigDecimal": lambda value, _: Decimal(str(value.toString())),
    "java.math.BigInteger": lambda value, _: int(str(value.toString())),
    "java.lang.Double": lambda value, _: float(value.doubleValue()),
    "java.lang.Float": lambda value, _: float(value.doubleValue()),
    **dict.fromkeys(
        ("java.lang.Long", "java.lang.Integer", "java.lang.Short", "java.lang.Byte"),
        lambda value, _: int(value.longValue()),
    ),
    "java.lang.Number": _text,  # as others tell themselves, with decimals maybe
    "java.lang.Enum": lambda value, _: str(value.name()),
    "java.util.Map": _map,
    "java.lang.Iterable": _list,
    "java.util.Optional": lambda value, depth: _got(partial(value.orElse, None), depth),
    "java.util.Date": lambda value, _: _date(value),
    "java.time.temporal.TemporalAccessor": _text,
    "java.util.UUID": _text,
}
"""The first that fits; in this order."""


def _date(value: Any) -> str:
    """java.sql's are their own text; a java.util.Date is an instant."""
    if str(value.getClass().getName()).startswith("java.sql."):
        return str(value.toString())
    return str(value.toInstant().toString())


def _bean(value: Any, depth: int) -> dict[str, Any]:
    """Its properties: public methods getName(), isName(), and those of a record's components."""
    properties: dict[str, Any] = {}
    for method in value.getClass().getMethods():
        name = str(method.getName())
        if method.getParameterCount() or str(method.getDeclaringClass().getName()) == "java.lang.Object":
            continue
        if (told := _property(name, method, value)) and not _is_static(method):
            properties[told] = _got(getattr(value, name), depth)
    if not properties:
        raise Unreadable(f"a {value.getClass().getName()} is neither text, number, list, map nor bean")
    return properties


def _property(name: str, method: Any, value: Any) -> str:
    for prefix in ("get", "is"):
        rest = name.removeprefix(prefix)
        if rest and rest != name and rest[0].isupper():
            return rest[0].lower() + rest[1:]
    is_component = str(value.getClass().getSuperclass().getName()) == "java.lang.Record"
    declared = method.getDeclaringClass().equals(value.getClass())
    return name if is_component and declared and name not in ("hashCode", "toString") else ""


def _is_static(method: Any) -> bool:
    return bool(java("java.lang.reflect.Modifier").isStatic(method.getModifiers()))


# -- to Java


type Names = Mapping[str, Any]
"""What placeholders stand for."""


def java_of(value: Any, names: Names, encode: Callable[[Request, Names], bytes]) -> Any:
    """An argument; `encode` makes a request's bytes. Errors: ConfigError, ValueError of a request."""
    match value:
        case str():
            return filled(value, names)
        case Typed():
            return _typed(value.type, java_of(value.value, names, encode))
        case Request():
            return _bytes(encode(value, names))
        case Mapping():
            made = java("java.util.LinkedHashMap")()
            for name, each in value.items():
                made.put(name, _boxed(java_of(each, names, encode)))
            return made
        case tuple():
            made = java("java.util.ArrayList")()
            for each in value:
                made.add(_boxed(java_of(each, names, encode)))
            return made
    return value


def filled(text: str, names: Names) -> Any:
    """A text with its placeholders filled in; one that is nothing else stays what it is, a number maybe."""
    whole = PLACEHOLDER.fullmatch(text)
    if whole and whole[1]:
        return _known(whole[1], names)
    return PLACEHOLDER.sub(lambda match: str(_known(match[1], names)) if match[1] else match[0][0], text)


def _known(name: str, names: Names) -> Any:
    if names.get(name) is None:
        known = ", ".join(each for each, value in names.items() if value is not None)
        raise ConfigError(
            f"nothing is known for {{{name}}}", remedy=f"there are {known or 'no placeholders'}"
        )
    return names[name]


def _boxed(value: Any) -> Any:
    """In collections a number is an Integer, or a Long when it must be."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return java("java.lang.Integer" if value in _INT else "java.lang.Long")(value)


def _bytes(value: bytes) -> Any:
    return jpype.JArray(jpype.JByte)(value)


_TYPED: Mapping[str, Callable[[Any], Any]] = {
    "boolean": lambda value: jpype.JBoolean(value in (True, "true")),
    "short": lambda value: jpype.JShort(int(value)),
    "int": lambda value: jpype.JInt(int(value)),
    "long": lambda value: jpype.JLong(int(value)),
    "float": lambda value: jpype.JFloat(float(value)),
    "double": lambda value: jpype.JDouble(float(value)),
    "decimal": lambda value: java("java.math.BigDecimal")(str(value)),
    "string": lambda value: jpype.JString(str(value)),
    "bytes": lambda value: _bytes(bytes.fromhex(str(value))),
    "chars": lambda value: java("java.lang.String")(str(value)).toCharArray(),
}


def _typed(kind: str, value: Any) -> Any:
    try:
        return _TYPED[kind](value)
    except (ValueError, OverflowError, TypeError):
        raise ValueError(f"an argument is no {kind}") from None


def walk(value: Any, path: Sequence[str]) -> Any:
    """What keys, properties or numbers in lists lead to; None where there is nothing."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal():
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value
