"""The terminal's side of batchctl: text from outside can be shown, and can do nothing."""

import os
from collections.abc import Iterable
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

# A user id or an error's text that holds an escape sequence could rename the window, hide lines or write a command as
# if it had been typed. Control characters are shown by their pictures (U+2400 ...), C1's and those that turn the
# direction of text round (https://trojansource.codes) by the sign for what cannot be shown.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SHOWN = (
    {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"}
    | {0x7F: "\N{SYMBOL FOR DELETE}"}
    | dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT)
    | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), _REPLACEMENT)
)
# A table is as wide as it has to be. In a file or a pipe nothing is gained by folding ids at 80 columns, and `grep`
# finds no folded one.
_COLUMNS_OF_A_FILE = 240


class Console(rich.console.Console):
    """rich's console; what it is given reaches the terminal without control characters, and is no markup."""

    def __init__(self, **options: Any) -> None:
        # Text from outside, such as the reason of a stop, may hold what rich takes for markup, and refuses where it is
        # broken. What is to be coloured is a rich.text.Text, or has a style.
        super().__init__(**{"markup": False, **options})
        if "width" not in options and not self.is_terminal and not os.environ.get("COLUMNS"):
            self.width = _COLUMNS_OF_A_FILE

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed, piece by piece; rich's own controls are pieces of their own and stay."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(make_harmless(segment.text), segment.style)


def make_harmless(text: str) -> str:
    """The text with every control character but line ends and tabs made visible."""
    return text.translate(_SHOWN)
