"""What a page carries in itself: data that cannot leave its script tag, and a policy that lets nothing else in."""

import base64
import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from plotly.offline import get_plotlyjs

_HERE = Path(__file__).parent
_NO_STYLE = ""  # Plotly makes an empty style element and adds its rules to that


def embed_json(value: object) -> str:
    """JSON for a script tag, without the characters that HTML or JavaScript could take for an end."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def read_asset(name: str) -> str:
    """A file of this folder."""
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def pack_plotly() -> str:
    """Plotly, compressed to a third: gzip, then base64. report.js unpacks it."""
    return base64.b64encode(gzip.compress(_read_plotly().encode(), compresslevel=9, mtime=0)).decode()


def find_plotly_styles() -> list[str]:
    """The ids under which Plotly would add styles for its maps: an element that has one keeps it from doing so.

    The policy would refuse them, with an error in the console; a report has no map.
    """
    return sorted(set(re.findall(r'document\.getElementById\("([0-9a-f]{64})"\)', _read_plotly())))


def make_policy() -> str:
    """The Content-Security-Policy: these scripts and this style by their hashes, and no network at all."""
    scripts = f"{_hash(_read_plotly())} {_hash(read_asset('report.js'))}"
    styles = f"{_hash(read_asset('report.css'))} {_hash(_NO_STYLE)}"
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _read_plotly() -> str:
    # Stripped, because the text must hash to the same after a browser has unpacked it into a script element.
    return str(get_plotlyjs()).strip()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
