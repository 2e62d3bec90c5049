"""Which AWS APIs the SDK integrations can name, and how their errors are named.

The names are botocore's; Step Functions takes those of the AWS SDK for Java 2.x.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

import re
from dataclasses import dataclass
from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.utils import EVENT_ALIASES

from emulator.errors import AwsError
from emulator.step_functions.failures import StateFailedError

# The code by which an SdkCaller says that the service could not be reached at all.
SDK_CLIENT_EXCEPTION = "SdkClientException"


# botocore's table of service ids lacks these four.
_IRREGULAR = {
    "ds-data": "directoryservicedata",
    "lexv2-models": "lexmodelsv2",
    "lexv2-runtime": "lexruntimev2",
    "sms-voice": "pinpointsmsvoice",
}


class UnknownActionError(LookupError):
    """A service or action that AWS does not have."""


@dataclass(frozen=True, slots=True)
class SdkAction:
    """One API action."""

    service: str  # botocore's name
    operation: str  # PascalCase
    java_name: str  # the prefix of the integration's error names

    @property
    def model(self) -> OperationModel:
        """botocore's description of parameters and answer."""
        return load_service(self.service).operation_model(self.operation)


@cache
def _loader() -> Loader:
    return Loader()


@cache
def load_service(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return ServiceModel(_loader().load_service_model(service, "service-2"), service)


@cache
def _services_by_sdk_name() -> dict[str, str]:
    # "logs" is "cloudwatchlogs" and "stepfunctions" is "sfn" to the SDK for Java: its names are the service ids.
    names = _loader().list_available_services("service-2")
    return {_IRREGULAR.get(name, EVENT_ALIASES.get(name, name).replace("-", "")): name for name in names}


def find_action(sdk_service: str, action: str) -> SdkAction:
    """The action that `aws-sdk:<sdk_service>:<action>` names; raises UnknownActionError."""
    service = _services_by_sdk_name().get(sdk_service)
    if service is None:
        raise UnknownActionError(f"the service '{sdk_service}' is unknown")
    model = load_service(service)
    # The SDK for Java writes describeDbInstances where the API has DescribeDBInstances.
    operations = {name.lower(): name for name in model.operation_names}
    if action[:1].isupper() or action.lower() not in operations:
        raise UnknownActionError(f"the action '{action}' of the service '{sdk_service}' is unknown")
    return SdkAction(service, operations[action.lower()], _java_name(model.service_id))


def _java_name(service_id: str) -> str:
    # "DynamoDB" becomes DynamoDb, "SFN" becomes Sfn, "S3" stays.
    words = re.split(r"[\s-]+", str(service_id))
    return "".join(re.sub(r"[A-Z]{2,}", lambda run: run[0].capitalize(), word) for word in words)


def _modelled_error(action: SdkAction, code: str) -> str | None:
    """The exception class of a code that the service's model knows, or of the SDK's own failures."""
    if code == SDK_CLIENT_EXCEPTION:
        return code
    for shape in load_service(action.service).error_shapes:
        known = {shape.name, str(shape.metadata.get("error", {}).get("code", ""))}
        if code in known or f"{code}Exception" in known:
            name = str(shape.name)
            return name if name.endswith("Exception") else f"{name}Exception"
    return None


def sdk_failure(action: SdkAction, error: AwsError) -> StateFailedError:
    """The failure of an aws-sdk integration: `S3.NoSuchKeyException`, and `S3.S3Exception` where AWS has no class.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
    """
    name = _modelled_error(action, error.code) or f"{action.java_name}Exception"
    cause = f"{error.message} (Service: {action.java_name}, Status Code: {error.status}, Request ID: emulated)"
    return StateFailedError(f"{action.java_name}.{name}", cause)


def optimized_failure(action: SdkAction, prefix: str, fallback: str, error: AwsError) -> StateFailedError:
    """The failure of an optimized integration, which names errors as the AWS SDK for Java 1.x does."""
    name = _modelled_error(action, error.code) or fallback
    cause = (
        f"{error.message} (Service: {fallback.removesuffix('Exception')}; Status Code: {error.status}; "
        f"Error Code: {error.code}; Request ID: emulated; Proxy: null)"
    )
    return StateFailedError(f"{prefix}.{name}", cause)
