"""batchctl: run, watch and look after the batch. `batchctl --help` lists the commands."""

import signal
import sys

import typer

from batchctl.console import Console
from batchctl.control import circuit_commands
from batchctl.control.commands import resume, stop
from batchctl.cost.commands import cost
from batchctl.errors import BatchctlError, UsageError
from batchctl.failures import commands as failures_commands
from batchctl.groups import commands as groups_commands
from batchctl.invoke.commands import invoke
from batchctl.local import commands as local_commands
from batchctl.migrate.commands import migrate
from batchctl.redrive.commands import redrive
from batchctl.rehearse import commands as rehearse_commands
from batchctl.runs.commands import report, runs, watch, why
from batchctl.start.commands import start
from emulator.errors import AwsError
from emulator.lambda_runtime.runtime_files import RuntimeInstallError
from emulator.partner_api import OptionError, PartnerApiError
from emulator.services.child_process import ChildStartError
from emulator.services.mariadb_template import MariaDbInstallError, MariaDbMissingError
from emulator.stack import StackError

# What the emulator's parts say for themselves: each message names the thing at fault and the remedy.
KNOWN_ERRORS = (
    BatchctlError,
    StackError,
    AwsError,
    OptionError,
    PartnerApiError,
    MariaDbMissingError,
    MariaDbInstallError,
    ChildStartError,
    RuntimeInstallError,
)

app = typer.Typer(
    name="batchctl",
    help="Run the batch on this machine, and look after it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(local_commands.app, name="local")
app.add_typer(groups_commands.app, name="groups")
app.command()(cost)
app.command()(migrate)
app.command()(start)
app.command()(redrive)
app.command()(stop)
app.command()(resume)
app.add_typer(circuit_commands.app, name="circuit")
app.add_typer(failures_commands.app, name="failures")
app.add_typer(rehearse_commands.app, name="pipeline")
app.command()(invoke)
for command in (runs, why, watch, report):
    app.command()(command)


@app.callback()
def root() -> None:
    """Run the batch on this machine, and look after it."""


def main() -> None:
    """Entry point: exit status 0 for success, 1 for failure, 2 for wrong usage, 130 for Ctrl-C."""
    # A shell that starts a command in the background has it ignore SIGINT; whoever sends one all the same means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    errors = Console(stderr=True)
    try:
        app()
    except UsageError as error:
        _print_error(errors, error)
        sys.exit(2)
    except KNOWN_ERRORS as error:
        _print_error(errors, error)
        sys.exit(1)
    except KeyboardInterrupt:  # before a command has begun; within one typer ends with the same status
        sys.exit(130)


def _print_error(errors: Console, error: Exception) -> None:
    errors.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
