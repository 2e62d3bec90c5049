"""A JSON value together with its text, so that each is made at most once."""

import json
from typing import Any, Final

# Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (input or result data of a state)
MAX_BYTES: Final = 262_144

JsonValue = Any


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)


# Python's own decoder takes NaN and Infinity, which are no JSON.
parse_json = json.JSONDecoder(parse_constant=_refuse_constant).decode
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)
encode_json = _ENCODER.encode


class Document:
    """A JSON value that passes between states. It is never changed after it was made, so states share it freely."""

    __slots__ = ("_text", "value")

    def __init__(self, value: JsonValue, text: str | None = None) -> None:
        self.value = value
        self._text = text

    @classmethod
    def parse(cls, text: str) -> "Document":
        """The document that `text` holds; raises ValueError (json.JSONDecodeError) if it is no JSON."""
        return cls(parse_json(text), text)

    @property
    def text(self) -> str:
        """Compact JSON, computed when first asked for."""
        if self._text is None:
            self._text = encode_json(self.value)
        return self._text

    def exceeds(self, limit: int = MAX_BYTES) -> bool:
        """Whether the UTF-8 text is longer than `limit` bytes."""
        return count_bytes(self.text) > limit


def count_bytes(text: str) -> int:
    """Length of `text` in UTF-8, without encoding it where that can be avoided."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
