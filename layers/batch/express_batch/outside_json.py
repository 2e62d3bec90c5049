"""JSON from outside the function: partner answers, stream records, objects, log lines."""

import json
import math
import re
from typing import Any

from express_batch.object_sizes import TOO_LARGE

# Far above any document of the batch; Python's own limit depends on its version and on the caller's depth.
MAX_DEPTH = 100
# Brackets, those inside of texts too: a list or an object is written with 3 bytes, and then costs some 70 of memory.
MAX_BRACKETS = 1_000_000
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class TooLargeError(ValueError):
    """An object that was not read whole. Readers name what they refuse by its class."""


def decode_json(text: str | bytes, *, half_pairs: bool = False) -> Any:
    """What the JSON text (RFC 8259, bytes in UTF-8) says. Raises ValueError, and nothing else, for anything else.

    Refused are NaN and Infinity, which Python's decoder takes, numbers beyond a float's range, whole numbers of more
    than 4,300 digits, nesting deeper than MAX_DEPTH, and more brackets than MAX_BRACKETS. Of a key that comes twice
    the last one holds, as in every reader of the batch. Half of a surrogate pair, which JSON can say ("\\ud83d") and
    UTF-8 cannot, is refused unless `half_pairs` are asked for: a partner that cuts a text after so many characters
    sends them.
    """
    if isinstance(text, bytes):
        if text == TOO_LARGE:
            raise TooLargeError("more bytes than an object of its kind may have")
        text = text.decode("utf-8-sig")
    elif not half_pairs:
        text.encode()  # somebody else has decoded it
    brackets = text.count("[") + text.count("{")
    if brackets > MAX_BRACKETS:
        raise ValueError("too many lists and objects")
    try:
        document = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    # Most documents have fewer brackets than the depth allows.
    if brackets > MAX_DEPTH:
        _check_depth(document)
    if not half_pairs and _SURROGATE.search(text) is not None:
        json.dumps(document, ensure_ascii=False).encode()
    return document


def read_number(value: object) -> float:
    """The number that a document's member is. Raises ValueError for anything else, "NaN" and "1e999" among it.

    float() alone takes texts, and makes of them what no document can say again.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")  # noqa: TRY004  # of a document, like decode_json's own
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("a number beyond a float's range") from error
    if not math.isfinite(number):
        raise ValueError("a number beyond a float's range")
    return number


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond a float's range")
    return number


# One for all calls: json.loads makes a new one for each call that has options.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float)
