"""Texts that stand in JSON text as they are, so that a document without them need not be decoded."""

import re

# What JSON's writers leave as it is, but for an escape \u.
_UNESCAPED = re.compile(r"[A-Za-z0-9 _.:,;@#=+-]+")


def is_needle(text: str) -> bool:
    """Whether every JSON text that holds a string with `text` in it has these characters."""
    return _UNESCAPED.fullmatch(text) is not None
