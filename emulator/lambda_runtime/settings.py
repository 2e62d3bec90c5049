"""What hangs on a function beside its code: concurrency, permissions, tags, asynchronous invocation."""

import datetime
import json
import uuid
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.concurrency import Concurrency
from emulator.lambda_runtime.functions import Function, FunctionStore
from emulator.lambda_runtime.identifiers import LATEST, make_function_arn, parse_reference

# Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
MAXIMUM_RETRY_ATTEMPTS = 2
MINIMUM_EVENT_AGE_SECONDS = 60
MAXIMUM_EVENT_AGE_SECONDS = 21_600
CONDITIONS = (("SourceArn", "ArnLike", "AWS:SourceArn"), ("SourceAccount", "StringEquals", "AWS:SourceAccount"))


class SettingsOperations:
    """The operations on a function's settings."""

    def __init__(self, identity: Identity, store: FunctionStore, concurrency: Concurrency, account: int) -> None:
        self._identity = identity
        self._store = store
        self._concurrency = concurrency
        self._account = account

    async def put_function_concurrency(self, request: dict[str, Any]) -> dict[str, Any]:
        function = self._find(request)
        self._concurrency.reserve(function.name, int(request["ReservedConcurrentExecutions"]))
        return {"ReservedConcurrentExecutions": self._concurrency.reserved(function.name)}

    async def get_function_concurrency(self, request: dict[str, Any]) -> dict[str, Any]:
        reserved = self._concurrency.reserved(self._find(request).name)
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    async def delete_function_concurrency(self, request: dict[str, Any]) -> dict[str, Any]:
        self._concurrency.unreserve(self._find(request).name)
        return {}

    async def get_account_settings(self, _request: dict[str, Any]) -> dict[str, Any]:
        functions = self._store.functions.values()
        reserved = sum(self._concurrency.reserved(function.name) or 0 for function in functions)
        return {
            "AccountLimit": {
                "ConcurrentExecutions": self._account,
                "UnreservedConcurrentExecutions": self._account - reserved,
                "TotalCodeSize": 80_530_636_800,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
            },
            "AccountUsage": {
                "FunctionCount": len(self._store.functions),
                "TotalCodeSize": sum(function.latest.package.size for function in functions),
            },
        }

    async def add_permission(self, request: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._find_qualified(request)
        statements = function.policies.setdefault(qualifier, {})
        identifier = request["StatementId"]
        if identifier in statements:
            raise AwsError(
                "ResourceConflictException",
                f"The statement id ({identifier}) provided already exists. Please provide a new statement id, "
                "or remove the existing statement.",
                409,
            )
        principal = request["Principal"]
        statement: dict[str, Any] = {
            "Sid": identifier,
            "Effect": "Allow",
            "Principal": {"Service": principal} if principal.endswith(".amazonaws.com") else {"AWS": principal},
            "Action": request["Action"],
            "Resource": make_function_arn(self._identity, function.name, qualifier),
        }
        for member, operator, key in CONDITIONS:
            if request.get(member):
                statement.setdefault("Condition", {})[operator] = {key: request[member]}
        statements[identifier] = statement
        return {"Statement": json.dumps(statement)}

    async def remove_permission(self, request: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._find_qualified(request)
        if function.policies.get(qualifier, {}).pop(request["StatementId"], None) is None:
            raise AwsError(
                "ResourceNotFoundException", f"Statement {request['StatementId']} is not found in resource policy.", 404
            )
        return {}

    async def get_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._find_qualified(request)
        statements = function.policies.get(qualifier)
        if not statements:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}
        return {"Policy": json.dumps(policy), "RevisionId": str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(policy)))}

    async def tag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        self._find_tagged(request).tags.update(request["Tags"])
        return {}

    async def untag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        tags = self._find_tagged(request).tags
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    async def list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": dict(self._find_tagged(request).tags)}

    async def put_function_event_invoke_config(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._set_event_invoke_config(request, {})

    async def update_function_event_invoke_config(self, request: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._find_qualified(request)
        return self._set_event_invoke_config(request, function.event_invoke_configs.get(qualifier or LATEST, {}))

    async def get_function_event_invoke_config(self, request: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._find_qualified(request)
        config = function.event_invoke_configs.get(qualifier or LATEST)
        if config is None:
            arn = make_function_arn(self._identity, function.name, qualifier or LATEST)
            raise AwsError("ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig", 404)
        return dict(config)

    async def delete_function_event_invoke_config(self, request: dict[str, Any]) -> dict[str, Any]:
        await self.get_function_event_invoke_config(request)
        function, qualifier = self._find_qualified(request)
        del function.event_invoke_configs[qualifier or LATEST]
        return {}

    def _set_event_invoke_config(self, request: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._find_qualified(request)
        config = dict(before)
        for member, low, high in (
            ("MaximumRetryAttempts", 0, MAXIMUM_RETRY_ATTEMPTS),
            ("MaximumEventAgeInSeconds", MINIMUM_EVENT_AGE_SECONDS, MAXIMUM_EVENT_AGE_SECONDS),
        ):
            if request.get(member) is not None:
                if not low <= request[member] <= high:
                    raise AwsError("InvalidParameterValueException", f"{member} must be between {low} and {high}.")
                config[member] = request[member]
        if request.get("DestinationConfig") is not None:
            config["DestinationConfig"] = request["DestinationConfig"]
        config["FunctionArn"] = make_function_arn(self._identity, function.name, qualifier or LATEST)
        config["LastModified"] = datetime.datetime.now(datetime.UTC)
        function.event_invoke_configs[qualifier or LATEST] = config
        return dict(config)

    def _find(self, request: dict[str, Any]) -> Function:
        return self._store.find(parse_reference(request["FunctionName"], self._identity))

    def _find_qualified(self, request: dict[str, Any]) -> tuple[Function, str | None]:
        reference = parse_reference(request["FunctionName"], self._identity, request.get("Qualifier"))
        function, _configuration = self._store.resolve(reference)
        return function, reference.qualifier

    def _find_tagged(self, request: dict[str, Any]) -> Function:
        return self._store.find(parse_reference(request["Resource"], self._identity))
