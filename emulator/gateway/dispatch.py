"""Which of the registered services a request is for."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import botocore.loaders
from botocore.model import ServiceModel

from emulator.gateway.aws_json import AwsJsonService
from emulator.gateway.query import QueryService
from emulator.gateway.rest_json import RestJsonService
from emulator.gateway.service_call import ServiceCall

# Names of registration, which are the names in a signature's scope, and botocore's names of the models.
_MODELS = {
    "states": "stepfunctions",
    "lambda": "lambda",
    "kinesis": "kinesis",
    "xray": "xray",
    "cloudformation": "cloudformation",
    "logs": "logs",
}
TracedCall = Callable[..., Awaitable[dict[str, Any]]]
EVENT_SOURCE_MAPPINGS = "event-source-mappings"


def open_protocol(model: ServiceModel) -> AwsJsonService | QueryService | RestJsonService:
    """The service's model, ready to understand its operations."""
    if model.metadata["protocol"] == "query":
        return QueryService(model)
    return AwsJsonService(model) if model.metadata["protocol"] == "json" else RestJsonService(model)


class RegisteredService:
    """A service with its model; operations on event source mappings are answered by another object.

    A service with `answered_operations` leaves the others to the fallback; one whose `call` takes `trace_header` is
    given the request's X-Amzn-Trace-Id.
    """

    def __init__(self, name: str, service: ServiceCall, mappings: ServiceCall | None) -> None:
        model = ServiceModel(botocore.loaders.Loader().load_service_model(_MODELS[name], "service-2"), _MODELS[name])
        self.name = name
        self.protocol = open_protocol(model)
        self._service = service
        self._mappings = mappings
        self._answered: frozenset[str] | None = getattr(service, "answered_operations", None)
        self._takes_trace = "trace_header" in inspect.signature(service.call).parameters

    def answers(self, operation: str) -> bool:
        """Whether the service answers `operation` itself."""
        return self._answered is None or operation in self._answered

    async def call(self, operation: str, values: dict[str, Any], trace_header: str | None) -> dict[str, Any]:
        """The answer of whoever is responsible for `operation`."""
        service = self.responsible(operation)
        if trace_header is not None and self._takes_trace and service is self._service:
            traced: TracedCall = cast("Any", service).call
            return await traced(operation, values, trace_header=trace_header)
        return await service.call(operation, values)

    def responsible(self, operation: str) -> ServiceCall:
        """The object that answers `operation`."""
        if "EventSourceMapping" in operation and self._mappings is not None:
            return self._mappings
        return self._service


class Dispatcher:
    """Finds a request's service by target, signature or path."""

    def __init__(self, services: Mapping[str, ServiceCall]) -> None:
        unknown = set(services) - set(_MODELS) - {EVENT_SOURCE_MAPPINGS}
        if unknown:
            known = ", ".join(sorted({*_MODELS, EVENT_SOURCE_MAPPINGS}))
            raise ValueError(f"the gateway cannot serve {', '.join(sorted(unknown))}: it knows {known}")
        mappings = services.get(EVENT_SOURCE_MAPPINGS)
        if mappings is not None and "lambda" not in services:
            raise ValueError(f"{EVENT_SOURCE_MAPPINGS} are operations of Lambda: register lambda too")
        self._by_name = {
            name: RegisteredService(name, service, mappings if name == "lambda" else None)
            for name, service in services.items()
            if name != EVENT_SOURCE_MAPPINGS
        }
        self._by_target = {
            each.protocol.target_prefix: each
            for each in self._by_name.values()
            if isinstance(each.protocol, AwsJsonService)
        }
        self._by_path = [
            (each, each.protocol) for each in self._by_name.values() if isinstance(each.protocol, RestJsonService)
        ]

    def find(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> RegisteredService | None:
        """The service, or None where the request goes on to the fallback."""
        target = headers.get("X-Amz-Target")
        if target is not None:
            prefix, _, operation = target.partition(".")
            service = self._by_target.get(prefix)
            return service if service is not None and service.answers(operation) else None
        scope = signed_service(headers)
        if scope is not None:
            return self._by_name.get(scope)
        if "X-Amz-" in query:  # presigned: S3
            return None
        for routed, protocol in self._by_path:
            if protocol.answers(method, path, query):
                return routed
        return None


def signed_service(headers: Mapping[str, str]) -> str | None:
    """The service in the signature's credential scope.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    _, found, credential = headers.get("Authorization", "").partition("Credential=")
    if not found:
        return None
    scope = credential.split(",", 1)[0].split("/")
    return scope[3] if len(scope) >= 5 else None
