"""The options that the commands on a stack have in common."""

from typing import Annotated

import typer

Stack = Annotated[
    str | None, typer.Option(help="A stack on AWS.", show_default="the stack that `batchctl local up` keeps")
]
Region = Annotated[str | None, typer.Option(help="The stack's region.", show_default="the profile's")]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
