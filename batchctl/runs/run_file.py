"""RunData as one JSON object, and back: what the archive holds and what --json prints."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from batchctl.runs.run_data import RunData, RunHead

# Of the file's shape; a reader passes over members that it does not know, so only a changed meaning raises it.
VERSION = 1
_HINTS: dict[type, dict[str, Any]] = {}


class RunFileError(ValueError):
    """The text is no run of this version."""


def to_document(data: RunData) -> dict[str, Any]:
    """Plain values; keys of mappings become text in JSON."""
    return {"version": VERSION, **asdict(data)}


def encode_run(data: RunData) -> str:
    """One line of JSON."""
    return json.dumps(to_document(data), ensure_ascii=False, separators=(",", ":"))


def decode_run(text: str | bytes) -> RunData:
    """The run that `encode_run` wrote. Raises RunFileError."""
    run = _decode(text, RunData, lambda document: document)
    assert isinstance(run, RunData)
    return run


def decode_head(text: str | bytes) -> RunHead:
    """Its head alone, which takes a tenth of the time. Raises RunFileError."""
    head = _decode(text, RunHead, lambda document: document["head"])
    assert isinstance(head, RunHead)
    return head


def _decode(text: str | bytes, kind: type, choose: Callable[[dict[str, Any]], Any]) -> Any:
    try:
        document = json.loads(text)
        version = document.get("version") if isinstance(document, dict) else None
        if version != VERSION:
            raise RunFileError(f"version {version!r}, this batchctl reads {VERSION}")
        return _build(kind, choose(document))
    except RunFileError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise RunFileError(f"{type(error).__name__}: {error}") from error


def _build(kind: Any, value: Any) -> Any:
    """`value` as `kind`, which is one of the kinds that run_data.py uses."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _HINTS.setdefault(kind, get_type_hints(kind))
        return kind(
            **{item.name: _build(hints[item.name], value[item.name]) for item in fields(kind) if item.name in value}
        )
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is list:
        if not isinstance(value, list):
            raise TypeError(f"a {type(value).__name__} instead of a list")
        return [_build(arguments[0], each) for each in value]
    if origin is dict:
        if not isinstance(value, Mapping):
            raise TypeError(f"a {type(value).__name__} instead of an object")
        return {arguments[0](key): _build(arguments[1], each) for key, each in value.items()}
    if origin in (Union, UnionType):
        return None if value is None else _build(next(each for each in arguments if each is not type(None)), value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind):
        raise TypeError(f"a {type(value).__name__} instead of a {kind.__name__}")
    return value
