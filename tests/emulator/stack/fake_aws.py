"""A fake of AWS's API: notes every call and answers as the services do."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity

_IDENTITY = Identity()


@dataclass
class FakeAws:
    """An AwsCaller whose calls can be looked at; `refused` maps an operation to the error that it answers with."""

    refused: dict[str, AwsError] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer of the operation, or the error that the test asked for."""
        self.calls.append((service, operation, parameters))
        if operation in self.refused:
            raise self.refused[operation]
        answer = getattr(self, f"_{service}_{operation}", None)
        return answer(parameters) if answer else {}

    def operations(self) -> list[str]:
        """Names of the operations called, in their order."""
        return [operation for _, operation, _ in self.calls]

    def parameters(self, operation: str, **matching: Any) -> dict[str, Any]:
        """Parameters of the one call of the operation (with those values)."""
        found = [
            parameters
            for _, called, parameters in self.calls
            if called == operation and all(parameters.get(key) == value for key, value in matching.items())
        ]
        assert len(found) == 1, f"{operation} {matching} was called {len(found)} times"
        return found[0]

    def _dynamodb_CreateTable(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"TableDescription": {"TableArn": _IDENTITY.arn("dynamodb", f"table/{parameters['TableName']}")}}

    def _dynamodb_DescribeTable(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        return {"Table": {"TableStatus": "ACTIVE"}}

    def _lambda_CreateFunction(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["FunctionName"]
        return {"FunctionName": name, "FunctionArn": _IDENTITY.arn("lambda", f"function:{name}"), "State": "Pending"}

    def _lambda_GetFunctionConfiguration(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        return {"State": "Active"}

    def _lambda_PublishLayerVersion(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"LayerVersionArn": _IDENTITY.arn("lambda", f"layer:{parameters['LayerName']}:{next(self.numbers)}")}

    def _lambda_PublishVersion(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["FunctionName"].split(":")[-1]
        return {"FunctionArn": _IDENTITY.arn("lambda", f"function:{name}:1"), "Version": "1"}

    def _lambda_CreateAlias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["FunctionName"].split(":")[-1]
        return {"AliasArn": _IDENTITY.arn("lambda", f"function:{name}:{parameters['Name']}")}

    def _lambda_CreateEventSourceMapping(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        return {"UUID": f"mapping-{next(self.numbers)}", "State": "Creating"}

    def _lambda_DeleteEventSourceMapping(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self.gone.add(parameters["UUID"])
        return {}

    def _lambda_GetEventSourceMapping(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if parameters["UUID"] in self.gone:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return {"State": "Enabled"}

    def _stepfunctions_CreateStateMachine(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"stateMachineArn": _IDENTITY.arn("states", f"stateMachine:{parameters['name']}")}

    def _stepfunctions_PublishStateMachineVersion(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"stateMachineVersionArn": f"{parameters['stateMachineArn']}:1"}

    def _stepfunctions_CreateStateMachineAlias(self, parameters: dict[str, Any]) -> dict[str, Any]:
        version = parameters["routingConfiguration"][0]["stateMachineVersionArn"]
        return {"stateMachineAliasArn": f"{version.rpartition(':')[0]}:{parameters['name']}"}

    def _kinesis_DescribeStreamSummary(self, parameters: dict[str, Any]) -> dict[str, Any]:
        arn = _IDENTITY.arn("kinesis", f"stream/{parameters['StreamName']}")
        return {"StreamDescriptionSummary": {"StreamStatus": "ACTIVE", "StreamARN": arn}}

    def _iam_CreateRole(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["RoleName"]
        return {"Role": {"Arn": f"arn:aws:iam::{_IDENTITY.account_id}:role/{name}", "RoleId": "AROAFAKE"}}

    def _iam_CreatePolicy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["PolicyName"]
        return {"Policy": {"Arn": f"arn:aws:iam::{_IDENTITY.account_id}:policy/{name}"}}

    def _iam_ListRolePolicies(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        return {"PolicyNames": []}

    def _iam_ListAttachedRolePolicies(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        return {"AttachedPolicies": []}

    def _iam_ListEntitiesForPolicy(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        return {"PolicyRoles": []}

    def _sqs_CreateQueue(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"QueueUrl": f"http://localhost:4566/{_IDENTITY.account_id}/{parameters['QueueName']}"}

    def _sns_CreateTopic(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"TopicArn": _IDENTITY.arn("sns", parameters["Name"])}
