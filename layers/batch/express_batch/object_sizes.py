"""How large an object of the run bucket may be. What is larger nobody of the batch has written, and nobody reads whole.

Whoever can put an object could otherwise end every function that reads it, by its memory. An object that is too large
comes as TOO_LARGE, which is no JSON: each reader says of it what it says of any object that is none of its own.
"""

from typing import Protocol

# A listing has 230 KB at most, a claim, a turn, an account or a control object a few hundred bytes.
MAX_DOCUMENT_BYTES = 1_000_000
# With ids of 64 characters, as the example may have them, 5,000 users in a chunk are 0.7 MB and 1,000 failures 0.5 MB.
# A stream record holds 1 MB before it is written as text.
MAX_LIST_BYTES = 8_000_000
TOO_LARGE = b"too large to be of the batch"

_DOCUMENTS = ("/started.json", "/listing.json", "/closed.json")


class Readable(Protocol):
    """The body of an answer that is still on its way."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, `size` at most."""
        ...


def find_max_bytes(key: str) -> int:
    """The most bytes that an object of this key may have."""
    return MAX_DOCUMENT_BYTES if key.startswith("control/") or key.endswith(_DOCUMENTS) else MAX_LIST_BYTES


def read_object(body: Readable, key: str) -> bytes:
    """The object, or TOO_LARGE, of which no more than its kind may have was read."""
    most = find_max_bytes(key)
    content = body.read(most + 1)
    return content if len(content) <= most else TOO_LARGE
