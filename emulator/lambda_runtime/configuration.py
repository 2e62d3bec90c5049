"""A function's configuration: from the request, checked; to the answer, in AWS's shape.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

import dataclasses
import datetime
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.archive import Package
from emulator.lambda_runtime.identifiers import LATEST, make_function_arn
from emulator.lambda_runtime.layers import LayerVersion
from emulator.lambda_runtime.limits import (
    DEFAULT_MEMORY_MB,
    DEFAULT_TIMEOUT_SECONDS,
    MAXIMUM_ENVIRONMENT_BYTES,
    MAXIMUM_LAYERS,
    MAXIMUM_MEMORY_MB,
    MAXIMUM_TIMEOUT_SECONDS,
    MINIMUM_MEMORY_MB,
    MINIMUM_TIMEOUT_SECONDS,
)
from emulator.lambda_runtime.variables import RESERVED_VARIABLES

RUNTIME = re.compile(r"python3\.\d+")
HANDLER = re.compile(r"[^\s]{1,128}")
VARIABLE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
# Kept and returned; they change nothing here, except LoggingConfig and DeadLetterConfig.
STORED_MEMBERS = ("VpcConfig", "DeadLetterConfig", "Architectures", "EphemeralStorage", "LoggingConfig", "KMSKeyArn")
REFUSED_MEMBERS = (
    *("FileSystemConfigs", "ImageConfig", "CodeSigningConfigArn", "TenancyConfig", "CapacityProviderConfig"),
    *("DurableConfig", "RuntimeConfig", "AcceleratorConfig", "PublishTo"),
)


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """One version of a function; changes make a new object."""

    name: str
    version: str
    runtime: str
    handler: str
    role: str
    package: Package
    description: str = ""
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    memory_mb: int = DEFAULT_MEMORY_MB
    variables: dict[str, str] = field(default_factory=dict)
    layers: tuple[LayerVersion, ...] = ()
    tracing_active: bool = False
    stored: dict[str, Any] = field(default_factory=dict)
    last_modified: str = ""
    revision_id: str = ""

    @property
    def log_group(self) -> str:
        """The log group that the function writes to."""
        return str(self.stored.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{self.name}")

    def touched(self, **changes: Any) -> "FunctionConfiguration":
        """A copy with these changes, a new revision and the present time."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
        return dataclasses.replace(self, last_modified=now, revision_id=str(uuid.uuid4()), **changes)

    def describe(self, identity: Identity, *, qualified: bool) -> dict[str, Any]:
        """The FunctionConfiguration of AWS's answers."""
        answer: dict[str, Any] = {
            "FunctionName": self.name,
            "FunctionArn": make_function_arn(identity, self.name, self.version if qualified else None),
            "Runtime": self.runtime,
            "Role": self.role,
            "Handler": self.handler,
            "CodeSize": self.package.size,
            "Description": self.description,
            "Timeout": self.timeout_seconds,
            "MemorySize": self.memory_mb,
            "LastModified": self.last_modified,
            "CodeSha256": self.package.sha256,
            "Version": self.version,
            "TracingConfig": {"Mode": "Active" if self.tracing_active else "PassThrough"},
            "RevisionId": self.revision_id,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": self.log_group},
            **self.stored,
        }
        if self.variables:
            answer["Environment"] = {"Variables": dict(self.variables)}
        if self.layers:
            answer["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.package.size} for layer in self.layers]
        return answer


def make_configuration(
    request: dict[str, Any], package: Package, layers: tuple[LayerVersion, ...]
) -> FunctionConfiguration:
    """The configuration that a CreateFunction request asks for."""
    if request.get("PackageType", "Zip") != "Zip":
        raise _invalid("PackageType Image is not emulated: only zip packages are.")
    for member in ("Runtime", "Handler"):
        if not request.get(member):
            raise _invalid(f"{member} is mandatory for functions created with deployment packages.")
    blank = FunctionConfiguration(request["FunctionName"], LATEST, "", "", request["Role"], package)
    return change_configuration(blank, request, layers)


def change_configuration(
    configuration: FunctionConfiguration, request: dict[str, Any], layers: tuple[LayerVersion, ...] | None
) -> FunctionConfiguration:
    """The configuration with what the request names, checked; `layers` None keeps those there are."""
    _refuse(request)
    changes: dict[str, Any] = {}
    for member, name in (("Role", "role"), ("Description", "description")):
        if request.get(member) is not None:
            changes[name] = request[member]
    if request.get("Runtime") is not None:
        changes["runtime"] = _check_runtime(request["Runtime"])
    if request.get("Handler") is not None:
        changes["handler"] = _check_handler(request["Handler"])
    if request.get("Timeout") is not None:
        changes["timeout_seconds"] = _check_range(
            "timeout", request["Timeout"], MINIMUM_TIMEOUT_SECONDS, MAXIMUM_TIMEOUT_SECONDS
        )
    if request.get("MemorySize") is not None:
        changes["memory_mb"] = _check_range("memorySize", request["MemorySize"], MINIMUM_MEMORY_MB, MAXIMUM_MEMORY_MB)
    if request.get("Environment") is not None:
        changes["variables"] = _check_variables(request["Environment"].get("Variables", {}))
    if request.get("TracingConfig") is not None:
        changes["tracing_active"] = _check_tracing(request["TracingConfig"].get("Mode", "PassThrough"))
    if layers is not None:
        changes["layers"] = layers
    stored = {member: request[member] for member in STORED_MEMBERS if request.get(member) is not None}
    if stored:
        changes["stored"] = {**configuration.stored, **stored}
    return configuration.touched(**changes)


def check_layer_count(arns: list[str]) -> None:
    """Refuse more layers than a function may have."""
    if len(arns) > MAXIMUM_LAYERS:
        raise _invalid(f"Cannot reference more than {MAXIMUM_LAYERS} layers.")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


def _refuse(request: dict[str, Any]) -> None:
    for member in REFUSED_MEMBERS:
        if request.get(member):
            raise _invalid(f"{member} is not emulated.")
    if request.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        raise _invalid("SnapStart ApplyOn PublishedVersions is not emulated.")


def _check_runtime(runtime: str) -> str:
    if RUNTIME.fullmatch(runtime) is None:
        raise _invalid(f"Runtime {runtime} is not emulated: only python3.x is.")
    return runtime


def _check_handler(handler: str) -> str:
    if HANDLER.fullmatch(handler) is None:
        raise _violation("handler", handler, "Member must satisfy regular expression pattern: [^\\s]+")
    return handler


def _check_range(name: str, value: int, low: int, high: int) -> int:
    if value < low:
        raise _violation(name, value, f"Member must have value greater than or equal to {low}")
    if value > high:
        raise _violation(name, value, f"Member must have value less than or equal to {high}")
    return value


def _violation(name: str, value: object, constraint: str) -> AwsError:
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}",
    )


def _check_variables(variables: dict[str, str]) -> dict[str, str]:
    reserved = sorted(RESERVED_VARIABLES.intersection(variables))
    if reserved:
        raise _invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    for name in variables:
        if VARIABLE_NAME.fullmatch(name) is None:
            raise _violation("environment.variables", name, f"Map keys must satisfy pattern: {VARIABLE_NAME.pattern}")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > MAXIMUM_ENVIRONMENT_BYTES:
        raise _invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the {MAXIMUM_ENVIRONMENT_BYTES // 1024}KB limit. "
            f"The following size was provided: {size}"
        )
    return dict(variables)


def _check_tracing(mode: str) -> bool:
    if mode not in ("Active", "PassThrough"):
        raise _violation("tracingConfig.mode", mode, "Member must satisfy enum value set: [Active, PassThrough]")
    return mode == "Active"
