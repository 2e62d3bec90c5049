"""The environment variables that Lambda sets in an execution environment.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

from collections.abc import Mapping
from pathlib import Path

from emulator.identity import Identity

# A function may not set these itself.
RESERVED_VARIABLES = frozenset(
    (
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *(
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_LAMBDA_MAX_CONCURRENCY",
            "AWS_LAMBDA_METADATA_API",
            "AWS_LAMBDA_METADATA_TOKEN",
        ),
        *("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    )
)


def make_variables(
    identity: Identity,
    *,
    function_name: str,
    version: str,
    runtime: str,
    handler: str,
    memory_mb: int,
    log_group: str,
    task_root: Path,
    opt: Path | None,
    runtime_directory: Path,
    xray_daemon_address: str | None,
    endpoint_url: str | None,
    extra: Mapping[str, str],
    own: Mapping[str, str],
    access_key: str,
) -> dict[str, str]:
    """Lambda's variables, the emulator's (`endpoint_url`, `extra`), and the function's `own`, which win over both."""
    layer = str(opt) if opt is not None else "/opt"
    variables = {
        "LANG": "en_US.UTF-8",
        "PATH": f"/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:{layer}/bin",
        "LD_LIBRARY_PATH": f"/var/lang/lib:/lib64:/usr/lib64:{runtime_directory}:{runtime_directory}/lib:"
        f"{task_root}:{task_root}/lib:{layer}/lib",
        "PYTHONPATH": str(runtime_directory),
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if xray_daemon_address is not None:
        host, _colon, port = xray_daemon_address.rpartition(":")
        variables["AWS_XRAY_DAEMON_ADDRESS"] = xray_daemon_address
        variables["_AWS_XRAY_DAEMON_ADDRESS"] = host
        variables["_AWS_XRAY_DAEMON_PORT"] = port
    if endpoint_url is not None:
        variables["AWS_ENDPOINT_URL"] = endpoint_url
    return {
        **variables,
        **extra,
        **own,
        "_HANDLER": handler,
        "AWS_REGION": identity.region,
        "AWS_DEFAULT_REGION": identity.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group,
        # By it the gateway knows the function's role.
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": "emulator",
        "AWS_SESSION_TOKEN": "emulator",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": str(runtime_directory),
    }
