"""What is known of a stack before a run is read: its names and the parameters that bound a run."""

from collections.abc import Mapping
from dataclasses import dataclass

from batchctl.errors import BatchctlError
from batchctl.runs.run_data import Caps

FUNCTIONS = ("ListUsers", "SyncUsers", "WriteRows", "CloseRun")
_NUMBERS = (
    "ChunkConcurrency",
    "SliceConcurrency",
    "UsersPerInvocation",
    "CallsInFlight",
    "SyncUsersTimeoutSeconds",
    "CloseRunWaitSeconds",
    "ShardCount",
    "WriteParallelizationFactor",
    "PartnerApiTimeoutSeconds",
    "SyncUsersReservedConcurrency",
)


@dataclass(frozen=True)
class StackFacts:
    """A stack of template.yaml, on AWS or on this machine."""

    origin: str
    tenant_group: str
    bucket: str
    log_groups: dict[str, str]  # by function
    caps: Caps | None
    options: str  # what a further command needs to reach the same stack, such as ` --stack acme --region eu-west-1`
    retention_days: int | None = None
    user_ids_in_logs: str = "plain"  # or hashed


def make_stack_facts(
    outputs: Mapping[str, str], parameters: Mapping[str, object], *, origin: str, options: str
) -> StackFacts:
    """The facts out of CloudFormation's outputs and parameters. Raises BatchctlError for another template's stack."""
    try:
        bucket = outputs["RunBucketName"]
        groups = {name: outputs[f"{name}LogGroupName"] for name in FUNCTIONS}
    except KeyError as error:
        raise BatchctlError(
            f"{origin} has no output {error.args[0]}: it is no stack of template.yaml, or of an older release; "
            "name another with --stack"
        ) from error
    days = parameters.get("RunRetentionDays")
    return StackFacts(
        origin=origin,
        tenant_group=str(parameters.get("TenantGroup", "")),
        bucket=bucket,
        log_groups=groups,
        caps=_make_caps(parameters),
        options=options,
        retention_days=None if days is None else int(str(days)),
        user_ids_in_logs=str(parameters.get("UserIdsInLogs", "plain")),
    )


def _make_caps(parameters: Mapping[str, object]) -> Caps | None:
    """None where a parameter is missing, as in a stack of an older release: what is unknown bounds nothing."""
    try:
        number = {name: int(float(str(parameters[name]))) for name in _NUMBERS}
    except (KeyError, ValueError):
        return None
    return Caps(
        chunk_concurrency=number["ChunkConcurrency"],
        slice_concurrency=number["SliceConcurrency"],
        users_per_invocation=number["UsersPerInvocation"],
        calls_in_flight=number["CallsInFlight"],
        sync_users_timeout_seconds=number["SyncUsersTimeoutSeconds"],
        close_run_wait_seconds=number["CloseRunWaitSeconds"],
        write_concurrency=number["ShardCount"] * number["WriteParallelizationFactor"],
        partner_api_timeout_seconds=number["PartnerApiTimeoutSeconds"],
        sync_users_reserved_concurrency=number["SyncUsersReservedConcurrency"],
    )
