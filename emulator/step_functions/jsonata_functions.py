"""The functions that Step Functions adds to JSONata.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
"""

import hashlib
import random
import uuid
from collections.abc import Callable
from typing import Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata

from emulator.step_functions.document import parse_json

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_MAX_SEQUENCE_ITEMS = 1_000_000  # JSONata's own limit of a generated sequence (its error D2014)
_SYSTEM_RANDOM = random.SystemRandom()


class ServiceFunction(Jsonata.JFunction):  # type: ignore[misc]
    """A Python function that an expression can call by `$name`."""

    def __init__(self, name: str, signature: str, arity: int, implementation: Callable[..., Any]) -> None:
        super().__init__(Jsonata.JLambda(implementation), signature)
        self.function_name = name
        self._arity = arity

    def get_number_of_args(self) -> int:
        """Number of arguments, which $map and its like ask for."""
        return self._arity


def _partition(items: list[Any] | None, size: float | None) -> list[list[Any]] | None:
    if items is None or size is None:
        return None
    step = int(size)
    if step != size or step < 1:
        raise JException("D3137", 0, "The second argument of $partition must be a positive integer")
    return [items[start : start + step] for start in range(0, len(items), step)]


def _range(start: float, end: float, step: float) -> list[float]:
    try:
        return expand_range(start, end, step, _MAX_SEQUENCE_ITEMS)
    except ValueError as error:
        raise JException("D3137", 0, f"$range: {error}") from error


def expand_range(start: float, end: float, step: float, max_items: int) -> list[float]:
    """The numbers from `start` to `end`, both included; raises ValueError for a step of 0 or too many items."""
    if step == 0:
        raise ValueError("the step must not be 0")
    items: list[float] = []
    value = start
    while value <= end if step > 0 else value >= end:
        if len(items) == max_items:
            raise ValueError(f"more than {max_items:,} items")
        items.append(value)
        value += step
    return items


def hash_text(text: str, algorithm: str) -> str:
    """Lower-case hexadecimal digest; raises ValueError for an algorithm that Step Functions does not offer."""
    if algorithm not in _HASHES:
        raise ValueError(f"unsupported hash algorithm '{algorithm}': use one of {', '.join(_HASHES)}")
    return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _hash(text: str | None, algorithm: str) -> str | None:
    if text is None:
        return None
    try:
        return hash_text(text, algorithm)
    except ValueError as error:
        raise JException("D3137", 0, f"$hash: {error}") from error


def _random(seed: float | None = None) -> float:
    if seed is None:
        return _SYSTEM_RANDOM.random()
    return random.Random(seed).random()  # noqa: S311 (a seed asks for a repeatable number)


def _uuid() -> str:
    return str(uuid.uuid4())


def _parse(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return parse_json(text)
    except ValueError as error:
        raise JException("D3137", 0, f"$parse: the argument is no JSON: {error}") from error


def _refuse_eval(*_arguments: Any) -> Any:
    # "$eval is not supported; use $parse instead": the name is unknown to the service's evaluator.
    raise JException("T1006", 0)


SERVICE_FUNCTIONS = {
    "partition": ServiceFunction("partition", "<a-n:a>", 2, _partition),
    "range": ServiceFunction("range", "<nnn:a>", 3, _range),
    "hash": ServiceFunction("hash", "<s-s:s>", 2, _hash),
    "random": ServiceFunction("random", "<n?:n>", 1, _random),
    "uuid": ServiceFunction("uuid", "<:s>", 0, _uuid),
    "parse": ServiceFunction("parse", "<s-:x>", 1, _parse),
    "eval": ServiceFunction("eval", "<x?x?:x>", 2, _refuse_eval),
}
