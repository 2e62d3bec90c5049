"""The intrinsic functions `States.*` of JSONPath states.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

import base64
import binascii
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from emulator.step_functions.document import encode_json, parse_json
from emulator.step_functions.jsonata_functions import expand_range, hash_text

_MAX_RANGE_ITEMS = 1000
_MAX_CHARACTERS = 10_000  # of the argument of Base64Encode, Base64Decode and Hash
_SYSTEM_RANDOM = random.SystemRandom()


class IntrinsicError(ValueError):
    """Arguments that a function does not take."""


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise IntrinsicError(what)


def _list(value: Any) -> list[Any]:
    _require(isinstance(value, list), "the first argument must be an array")
    return list(value)


def _text(value: Any) -> str:
    _require(isinstance(value, str), "the argument must be a string")
    return str(value)


def _short_text(value: Any) -> str:
    text = _text(value)
    _require(len(text) <= _MAX_CHARACTERS, f"the argument must not exceed {_MAX_CHARACTERS:,} characters")
    return text


def _integer(value: float) -> int:
    _require(isinstance(value, int | float) and not isinstance(value, bool), "the argument must be a number")
    # "Step Functions rounds it off to the nearest integer"; a half goes up, as -1.5 to -1.
    return math.floor(value + 0.5)


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _render(value: Any) -> str:
    """A value as States.Format shows it: objects and arrays as Java prints them, {a=1, b=[]}."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={_render(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_render, value)) + "]"
    return value if isinstance(value, str) else encode_json(value)


def _format(template: Any, *values: Any) -> str:
    # Braces that were escaped in the call arrive as private characters (see intrinsic_parser).
    pieces = _text(template).split("{}")
    _require(len(pieces) == len(values) + 1, "the number of {} must be the number of further arguments")
    rendered = [_render(value) for value in values]
    text = pieces[0] + "".join(value + piece for value, piece in zip(rendered, pieces[1:], strict=True))
    return text.replace("\ue000", "{").replace("\ue001", "}")


def _array(*values: Any) -> list[Any]:
    return list(values)


def _array_partition(items: Any, size: Any) -> list[list[Any]]:
    step = _integer(size)
    _require(step > 0, "the chunk size must be positive")
    values = _list(items)
    return [values[start : start + step] for start in range(0, len(values), step)]


def _array_contains(items: Any, value: Any) -> bool:
    return any(_same(item, value) for item in _list(items))


def _array_range(start: Any, end: Any, step: Any) -> list[float]:
    return expand_range(_integer(start), _integer(end), _integer(step), _MAX_RANGE_ITEMS)


def _array_get_item(items: Any, index: Any) -> Any:
    values, place = _list(items), _integer(index)
    _require(0 <= place < len(values), f"the index {place} is outside the array")
    return values[place]


def _array_length(items: Any) -> int:
    return len(_list(items))


def _array_unique(items: Any) -> list[Any]:
    unique: list[Any] = []
    for item in _list(items):
        if not any(_same(item, seen) for seen in unique):
            unique.append(item)
    return unique


def _base64_encode(text: Any) -> str:
    return base64.b64encode(_short_text(text).encode()).decode()


def _base64_decode(text: Any) -> str:
    try:
        return base64.b64decode(_short_text(text), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise IntrinsicError(f"the argument is no Base64 text: {error}") from error


def _hash(data: Any, algorithm: Any) -> str:
    return hash_text(_short_text(data), _text(algorithm))


def _json_merge(first: Any, second: Any, deep: Any) -> dict[str, Any]:
    _require(isinstance(first, dict) and isinstance(second, dict), "the first two arguments must be objects")
    # "Currently, Step Functions only supports the shallow merging mode; therefore, specify the value as false."
    _require(deep is False, "only the shallow mode is supported: the third argument must be false")
    return {**first, **second}


def _string_to_json(text: Any) -> Any:
    if not _text(text).strip():
        return None
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        raise IntrinsicError(f"the argument is no JSON: {error}") from error


def _math_random(start: Any, end: Any, seed: Any = None) -> int:
    first, last = _integer(start), _integer(end)
    _require(first < last, "the end must be greater than the start")
    source = _SYSTEM_RANDOM if seed is None else random.Random(seed)  # noqa: S311 (a seed asks for repeatable numbers)
    return source.randrange(first, last)


def _math_add(first: Any, second: Any) -> int:
    return _integer(first) + _integer(second)


def _string_split(text: Any, delimiters: Any) -> list[str]:
    # "a,b|c" splits at any one of the characters of the delimiter; empty parts are dropped.
    pattern = "[" + re.escape(_text(delimiters)) + "]"
    return [part for part in re.split(pattern, _text(text)) if part]


def _uuid() -> str:
    return str(uuid.uuid4())


# name -> (function, least arguments, most arguments or None)
INTRINSICS: dict[str, tuple[Callable[..., Any], int, int | None]] = {
    "States.Format": (_format, 1, None),
    "States.Array": (_array, 0, None),
    "States.ArrayPartition": (_array_partition, 2, 2),
    "States.ArrayContains": (_array_contains, 2, 2),
    "States.ArrayRange": (_array_range, 3, 3),
    "States.ArrayGetItem": (_array_get_item, 2, 2),
    "States.ArrayLength": (_array_length, 1, 1),
    "States.ArrayUnique": (_array_unique, 1, 1),
    "States.Base64Encode": (_base64_encode, 1, 1),
    "States.Base64Decode": (_base64_decode, 1, 1),
    "States.Hash": (_hash, 2, 2),
    "States.JsonMerge": (_json_merge, 3, 3),
    "States.JsonToString": (encode_json, 1, 1),
    "States.StringToJson": (_string_to_json, 1, 1),
    "States.MathRandom": (_math_random, 2, 3),
    "States.MathAdd": (_math_add, 2, 2),
    "States.StringSplit": (_string_split, 2, 2),
    "States.UUID": (_uuid, 0, 0),
}
