"""Documents out of valid ones: fields dropped, doubled, replaced, nested, blown up; bytes cut, changed and spliced."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from typing import Any

from hypothesis import strategies as st

from tests.fakes.json_values import ANY_JSON

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Text:
    """JSON text as it stands, for what Python's values cannot say."""

    text: str


@dataclass(frozen=True)
class Members:
    """An object whose keys may come twice."""

    items: tuple[tuple[str, Any], ...]


# What decoders trip over: the ends of number types, what JSON cannot say, paths, ends of lines, half characters.
ODD_NUMBERS = (0, -1, 1, 0.5, -0.0, 1e308, -1e308, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63, 2**64 - 1, 2**64, 10**18)
ODD_NUMERALS = tuple(
    map(Text, ("1e999", "-1e999", "NaN", "Infinity", "-Infinity", "9" * 400, "9" * 5000, "01", "1" + "0" * 12))
)
ODD_TEXTS = (
    *("", " ", "a ", ".", "..", "../..", "/", "%2e%2e", "a/b?c#d", "\x00", "\x1b[2J", "\r\nX: y", "\u202e", "\ud800"),
    *(
        "\udfff\ud800",
        "😀",
        "²",
        "٣",
        "x" * 5000,
        "1" * 5000,
        "NaN",
        "-inf",
        "null",
        "[]",
        "{}",
        "0001-01-01T00:00:00+14:00",
    ),
    *("9999-12-31T23:59:59-14:00", "20260230T990000Z", "00010101T000000Z"),
)
ODD_VALUES: tuple[Any, ...] = (None, True, False, *ODD_NUMBERS, *ODD_NUMERALS, *ODD_TEXTS, [], {}, [[]], {"": {}})
DEPTHS = (1, 2, 60, 99, 100, 101, 900, 5_000, 100_000)
BLOWN_UP = (100, 10_000, 100_000)
TOKENS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"\\",
        b"\\ud800",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r\n",
        b" ",
    ),
    *(b"0", b"-", b"1e999", b"null", b"%", b"\xed\xa0\x80", b"<", b"&#x1;", b"="),
)


@cache
def inputs(seeds: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Any bytes, any JSON, and what becomes of the seeds."""
    documents = [document for document in map(_parse, seeds) if document is not None]
    choices: list[st.SearchStrategy[bytes]] = [
        st.binary(max_size=200),
        ANY_JSON.map(lambda value: dump(value).encode()),
        st.sampled_from(list(seeds)).flatmap(_changed_bytes),
    ]
    # Most decoders read JSON, and what is almost right gets deepest into them.
    choices += [_changed_documents(document[0]) for document in documents] * max(1, 6 // max(1, len(documents)))
    return st.one_of(choices)


def with_each_odd_value(seed: bytes, step: int = 1) -> Iterator[bytes]:
    """Each odd value at each place of the document, or every so many-th; nothing where the seed is no JSON."""
    for (document,) in filter(None, [_parse(seed)]):
        for place, odd in islice(product(_places(document), ODD_VALUES), 0, None, step):
            yield dump(_replaced(document, place, odd)).encode()


def _replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    key, rest = place[0], place[1:]
    if isinstance(value, dict):
        return {**value, key: _replaced(value[key], rest, new)}
    return [*value[:key], _replaced(value[key], rest, new), *value[key + 1 :]]


def dump(value: Any) -> str:
    """The value as JSON text."""
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Members):
        return "{" + ",".join(f"{json.dumps(key)}:{dump(member)}" for key, member in value.items) + "}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dump(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value)


def _parse(seed: bytes) -> tuple[Any] | None:
    try:
        return (json.loads(seed),)
    except ValueError:
        return None


@st.composite
def _changed_documents(draw: Draw, document: Any) -> bytes:
    for _ in range(draw(st.integers(1, 3))):
        document = _change(draw, document, draw(st.sampled_from(_places(document))))
    return dump(document).encode()


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value in the document, the document's own among them."""
    found = [place]
    if isinstance(value, dict):
        for key, member in value.items():
            found += _places(member, (*place, key))
    elif isinstance(value, list):
        for index, member in enumerate(value[:20]):
            found += _places(member, (*place, index))
    return found


def _change(draw: Draw, value: Any, place: tuple[Any, ...]) -> Any:
    """The document with something done at the place; what is on the way is copied."""
    if not place:
        return _changed_value(draw, value)
    key, rest = place[0], place[1:]
    if not rest and draw(st.integers(0, 3)) == 0:
        return _without_or_twice(draw, value, key)
    if isinstance(value, dict):
        return {**value, key: _change(draw, value[key], rest)}
    return [*value[:key], _change(draw, value[key], rest), *value[key + 1 :]]


def _without_or_twice(draw: Draw, value: Any, key: Any) -> Any:
    drops = draw(st.booleans())
    if isinstance(value, dict):
        if drops:
            return {name: member for name, member in value.items() if name != key}
        return Members((*value.items(), (key, draw(st.sampled_from(ODD_VALUES)))))
    return value[:key] + value[key + 1 :] if drops else [*value[: key + 1], *value[key:]]


def _changed_value(draw: Draw, value: Any) -> Any:
    how = draw(st.integers(0, 6))
    if how <= 2:
        return draw(st.sampled_from(ODD_VALUES))
    if how == 3:
        return draw(ANY_JSON)
    if how == 4:
        depth, text = draw(st.sampled_from(DEPTHS)), dump(value)
        return (
            Text('{"a":' * depth + text + "}" * depth)
            if draw(st.booleans())
            else Text("[" * depth + text + "]" * depth)
        )
    if how == 5:
        return _blow_up(value, draw(st.sampled_from(BLOWN_UP)))
    return _other_type(value)


def _blow_up(value: Any, size: int) -> Any:
    if isinstance(value, str):
        return (value or "x") * max(1, size // max(1, len(value)))
    if isinstance(value, list):
        return Text("[" + ",".join([dump(value[0]) if value else "0"] * (size // 10)) + "]")
    if isinstance(value, dict):
        return {**value, **{f"key{number}": number for number in range(size // 10)}}
    return Text("9" * min(size, 4_000))


def _other_type(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list):
        return {str(index): member for index, member in enumerate(value)}
    return list(value.items()) if isinstance(value, dict) else 0


@st.composite
def _changed_bytes(draw: Draw, seed: bytes) -> bytes:
    data = seed
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        how = draw(st.integers(0, 4))
        if how == 0:
            data = data[:start]
        elif how == 1:
            data = data[:start] + data[end:]
        elif how == 2:
            data = data[:start] + draw(st.sampled_from(TOKENS)) + data[end:]
        elif how == 3:
            data = data[:start] + draw(st.binary(max_size=6)) + data[end:]
        else:
            data = data[:start] + data[start:end] * draw(st.sampled_from((2, 50, 2_000))) + data[end:]
    return data
