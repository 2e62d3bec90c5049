"""What state machines and event source mappings do with the permissions of their roles."""

from collections.abc import Mapping
from typing import Any

from emulator.access.api_asks import find_api_ask
from emulator.access.ask import Ask
from emulator.access.guard import AccessGuard
from emulator.access.principal import acting_role
from emulator.errors import AwsError
from emulator.gateway.service_call import ServiceCall
from emulator.step_functions.ports import InvokeAnswer, LambdaInvoker, SdkCaller

# Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
_STREAM_ACTIONS = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
_SENDING = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}


class GuardedInvoker:
    """A LambdaInvoker that invokes what the execution's role may invoke."""

    def __init__(self, invoker: LambdaInvoker, guard: AccessGuard) -> None:
        self._invoker = invoker
        self._guard = guard

    async def invoke(self, function: str, payload: bytes, /, *, trace_header: str | None) -> InvokeAnswer:
        """The function's answer; raises AwsError where the role or Lambda refuses."""
        ask = find_api_ask("lambda", "Invoke", {"FunctionName": function}, self._guard.identity)
        await self._guard.check(acting_role.get(), ask)
        return await self._invoker.invoke(function, payload, trace_header=trace_header)


class GuardedSdkCaller:
    """An SdkCaller that calls what the execution's role may call."""

    def __init__(self, caller: SdkCaller, guard: AccessGuard) -> None:
        self._caller = caller
        self._guard = guard

    async def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The response in botocore's shape; raises AwsError where the role or the service refuses."""
        role = acting_role.get()
        if role:
            await self._guard.check(role, find_api_ask(service, operation, parameters, self._guard.identity))
        return await self._caller.call(service, operation, parameters)


class GuardedMappings:
    """The event source mapping operations; a mapping is made when its function's role may read and send.

    Lambda polls with the role of the function, and looks at it when the mapping is made.
    """

    def __init__(self, mappings: ServiceCall, functions: ServiceCall, guard: AccessGuard) -> None:
        self._mappings = mappings
        self._functions = functions
        self._guard = guard

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of one API operation, in boto3's shape."""
        if operation == "CreateEventSourceMapping":
            await self._check(request)
        return await self._mappings.call(operation, request)

    async def _check(self, request: Mapping[str, Any]) -> None:
        try:
            found = await self._functions.call("GetFunctionConfiguration", {"FunctionName": request["FunctionName"]})
        except (AwsError, KeyError):
            return  # what is wrong with the request is the service's to say
        role, stream = str(found["Role"]), str(request.get("EventSourceArn", ""))
        for action in _STREAM_ACTIONS:
            if not await self._guard.may(role, Ask(f"kinesis:{action}", stream)):
                raise AwsError(
                    "InvalidParameterValueException",
                    f"Cannot access stream {stream}. Please ensure the role can perform the "
                    f"{', '.join(_STREAM_ACTIONS)} Actions on your stream in IAM: kinesis:{action} is not allowed.",
                )
        destination = str((request.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination", ""))
        service = destination.split(":")[2] if destination.count(":") >= 5 else ""
        if service in _SENDING and not await self._guard.may(role, Ask(_SENDING[service], destination)):
            raise AwsError(
                "InvalidParameterValueException",
                "The provided destination config is invalid: The function's execution role does not have permissions "
                f"to call {_SENDING[service].partition(':')[2]} on {destination}",
            )
