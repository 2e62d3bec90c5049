"""What a redrive asks of a stack: who is left, and a run for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError
from express_batch.errors import InvalidEventError
from express_batch.outside_json import decode_json
from express_batch.run_layout import check_run_id

from batchctl.errors import BatchctlError
from batchctl.redrive.stack import LONG_CALL, BatchStack, explained
from batchctl.runs.figures import read_count, read_counts, read_mapping

ALIAS = "live"
CIRCUIT_REASON = "CircuitOpenError"  # of users that were not called for, because the partner was found down
# Where a release's ListUsers knows no redrive it takes this for the time of a run, and refuses it.
NO_TIME = "asks who is left"


@dataclass(frozen=True)
class Left:
    """The users of a run that neither it nor a redrive of it has written."""

    run_id: str
    users_left: int
    by_reason: Mapping[str, int]
    users_chosen: int  # those with the reasons that were asked for
    running: str | None  # a redrive that is at work
    accounts: Sequence[Mapping[str, Any]]  # of the run and its redrives

    def account(self, run_id: str) -> Mapping[str, Any] | None:
        """The ledger's account of the run or one of its redrives."""
        return next((account for account in self.accounts if account["run_id"] == run_id), None)

    @property
    def newest_redrive(self) -> str | None:
        """The last one that has an account."""
        numbers = [int(account["run_id"].rpartition("-r")[2]) for account in self.accounts if "-r" in account["run_id"]]
        return f"{self.run_id}-r{max(numbers)}" if numbers else None


@dataclass(frozen=True)
class Ended:
    """How an execution came out; `output` is the account of one that succeeded."""

    status: str  # COMPLETE, PARTIAL, INCOMPLETE, ALREADY_STARTED, NOTHING_TO_REDRIVE, STOPPED or FAILED
    run_id: str | None
    problem: str | None


def ask_left(stack: BatchStack, run_id: str, reasons: Sequence[str] = ()) -> Left:
    """What ListUsers says of the run; nothing is started. Raises BatchctlError."""
    event = {
        "redrive_of": run_id,
        "reasons": list(reasons),
        "only_asks": True,
        "scheduled_time": NO_TIME,
        "execution": "batchctl redrive",
    }
    with explained("ListUsers"):
        answer = stack.make_client("lambda").invoke(
            FunctionName=stack.output("ListUsersFunctionName"), Qualifier=ALIAS, Payload=json.dumps(event)
        )
    body = answer["Payload"].read()
    return read_left(run_id, body, is_error="FunctionError" in answer)


def read_left(run_id: str, body: bytes, *, is_error: bool) -> Left:
    """What ListUsers has answered. Raises BatchctlError."""
    try:
        payload = decode_json(body)
        if is_error:
            raise BatchctlError(_explain_refusal(run_id, read_mapping(payload)))
        accounts = [dict(account) for account in payload["accounts"]]
        for account in accounts:
            check_run_id(account["run_id"])
        return Left(
            run_id=check_run_id(payload["run_id"]),
            users_left=read_count(payload["users_left"]),
            by_reason=read_counts(payload["left_by_reason"]),
            users_chosen=read_count(payload["users_chosen"]),
            running=None if payload["running"] is None else check_run_id(payload["running"]),
            accounts=accounts,
        )
    except (KeyError, TypeError, ValueError, InvalidEventError) as error:
        raise BatchctlError(
            f"redrive of {run_id}: ListUsers answers in another shape ({type(error).__name__}): deploy the stack anew"
        ) from error


def start(stack: BatchStack, run_id: str, reasons: Sequence[str]) -> str:
    """Start the redrive and go; the execution's ARN."""
    return start_execution(stack, _make_input(run_id, reasons))


def run(stack: BatchStack, run_id: str, reasons: Sequence[str]) -> Ended:
    """Start the redrive and wait for its end, 5 minutes at most."""
    again = f"ask again with `batchctl redrive {run_id}{stack.options}`"
    return run_execution(stack, _make_input(run_id, reasons), f"redrive of {run_id}", again)


def start_execution(stack: BatchStack, event: str) -> str:
    """The ARN of an execution of UserBatch that has begun."""
    with explained("UserBatch"):
        answer = stack.make_client("stepfunctions").start_execution(
            stateMachineArn=stack.output("UserBatchAliasArn"), input=event
        )
    return str(answer["executionArn"])


def run_execution(stack: BatchStack, event: str, what: str, again: str) -> Ended:
    """How an execution of UserBatch came out; `what` it is and how to ask `again` are for the messages."""
    client = stack.make_client("stepfunctions", config=LONG_CALL)
    with explained("UserBatch"):
        try:
            answer = client.start_sync_execution(stateMachineArn=stack.output("UserBatchAliasArn"), input=event)
        except ReadTimeoutError as error:
            raise BatchctlError(f"UserBatch has not answered: {what} may still go on; {again}") from error
    if answer["status"] == "SUCCEEDED":
        return read_output(what, answer["output"])
    kind, cause = answer.get("error", answer["status"]), answer.get("cause", "")
    if kind == "RunIncomplete":
        return Ended("INCOMPLETE", None, cause)
    return Ended("FAILED", None, f"{kind}: {_read_message(cause)}")


def read_output(what: str, text: str) -> Ended:
    """How an execution that succeeded says that its run ended. Raises BatchctlError."""
    try:
        output = decode_json(text)
        return Ended(str(output["status"]), check_run_id(output["run_id"]), None)
    except (KeyError, TypeError, ValueError, InvalidEventError) as error:
        raise BatchctlError(
            f"{what}: UserBatch answers in another shape ({type(error).__name__}): deploy the stack anew"
        ) from error


def _make_input(run_id: str, reasons: Sequence[str]) -> str:
    return json.dumps({"redrive_of": run_id, **({"reasons": list(reasons)} if reasons else {})})


def _explain_refusal(run_id: str, payload: Mapping[str, Any]) -> str:
    kind, message = payload.get("errorType", "Error"), payload.get("errorMessage", payload)
    if NO_TIME in str(message):
        return f"redrive of {run_id}: the stack is of an older release, which knows no redrives: deploy it anew"
    return (
        f"redrive of {run_id}: {message}"
        if kind == "RedriveRefusedError"
        else f"redrive of {run_id}: {kind}: {message}"
    )


def _read_message(cause: str) -> str:
    """A Lambda's cause is a JSON document; its message is what a person needs."""
    try:
        return str(decode_json(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
