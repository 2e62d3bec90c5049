"""A run as the schedule starts it, of the moment that it is asked for."""

from batchctl.redrive.one_redrive import Ended, run_execution, start_execution
from batchctl.redrive.stack import BatchStack

# Without a scheduled time it is that of the execution's start.
_NOW = "{}"


def start_now(stack: BatchStack) -> str:
    """Start the run and go; the execution's ARN."""
    return start_execution(stack, _NOW)


def run_now(stack: BatchStack) -> Ended:
    """Start the run and wait for its end, 5 minutes at most."""
    return run_execution(stack, _NOW, "the run", f"look with `batchctl runs{stack.options}`")
