"""`batchctl local up`: a stack that stays until Ctrl-C, and the file that says where it is."""

import asyncio
import json
import os
import tempfile
from pathlib import Path

import typer

from batchctl.console import Console
from batchctl.local.local_stack import local_stack
from batchctl.local.options import LocalOptions


async def keep_up(options: LocalOptions, endpoints_path: Path, console: Console, *, as_json: bool) -> None:
    """Run until cancelled."""
    with console.status("preparing") as status:
        async with local_stack(options, status.update) as stack:
            status.stop()
            write_endpoints(endpoints_path, stack.endpoints())
            try:
                if as_json:
                    typer.echo(json.dumps(stack.endpoints()))
                else:
                    _print_usage(console, stack.emulator.url, stack.state_machine_arn, endpoints_path)
                await asyncio.Event().wait()
            finally:
                endpoints_path.unlink(missing_ok=True)


def write_endpoints(path: Path, endpoints: dict[str, object]) -> None:
    """Whoever finds the file finds it whole; it holds a password, so it is its owner's alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump(endpoints, file, indent=2)
        file.write("\n")
    Path(name).replace(path)


def _print_usage(console: Console, url: str, state_machine_arn: str, endpoints_path: Path) -> None:
    console.print(
        f"up: {url}  (addresses: {endpoints_path}; Ctrl-C stops it)", style="green", highlight=False, soft_wrap=True
    )
    console.print(
        "a run: batchctl start; then batchctl runs, report, redrive, stop ...", highlight=False, soft_wrap=True
    )
    credentials = "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1"
    console.print(f"export {credentials}", highlight=False, soft_wrap=True)
    start = f"stepfunctions start-execution --state-machine-arn {state_machine_arn} --input '{{}}'"
    console.print(f"aws --endpoint-url {url} {start}", highlight=False, soft_wrap=True)
