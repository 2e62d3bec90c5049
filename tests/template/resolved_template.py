"""Resources of template.yaml with every intrinsic carried out, as they would stand on AWS."""

from typing import Any

from emulator.identity import Identity
from emulator.stack.intrinsics import Resolver
from emulator.stack.parameters import resolve_parameters
from emulator.stack.template_file import read_template
from tests.template.project_template import TEMPLATE

STACK = "express-batch-demo"
# What Ref gives is the name in this property, where the resource has one.
_NAMES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::RDS::DBProxy": "DBProxyName",
    "AWS::Serverless::Function": "FunctionName",
}
_ARNS = {
    "AWS::CloudWatch::Alarm": ("cloudwatch", "alarm:"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "alarm:"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/"),
}


class ResolvedTemplate:
    """The template for these parameters; a resource whose condition is false is not in it."""

    def __init__(self, parameters: dict[str, Any], region: str = "us-east-1") -> None:
        template = read_template(TEMPLATE)
        self._resources: dict[str, dict[str, Any]] = template["Resources"]
        self._identity = Identity(region=region)
        values = resolve_parameters(template["Parameters"], parameters)
        self._resolver = Resolver(template, values, stack_name=STACK, identity=self._identity, imports={})
        self._active = {
            name
            for name, item in self._resources.items()
            if "Condition" not in item or self._resolver.is_true(item["Condition"], name)
        }

    def of_type(self, *types: str) -> dict[str, dict[str, Any]]:
        """Properties of the resources of these types by their logical ids."""
        return {name: self.properties(name) for name in sorted(self._active) if self._resources[name]["Type"] in types}

    def properties(self, name: str) -> dict[str, Any]:
        """The resolved properties of one resource."""
        properties: dict[str, Any] = self._resolver.resolve(self._resources[name]["Properties"], self, name)
        return properties

    def has(self, logical_id: str) -> bool:
        """Whether the template has the resource, its condition aside."""
        return logical_id in self._resources

    def reference(self, logical_id: str, where: str) -> Any:
        """A name where the template gives one, and otherwise one made of the logical id."""
        assert logical_id in self._active, f"{where} needs {logical_id}, which is not created"
        item = self._resources[logical_id]
        if item["Type"] == "AWS::Serverless::StateMachine":
            name = self._resolver.resolve(item["Properties"]["Name"], self, where)
            return self._identity.arn("states", f"stateMachine:{name}")
        if item["Type"] in _NAMES:
            return self._resolver.resolve(item["Properties"][_NAMES[item["Type"]]], self, where)
        return f"{STACK}-{logical_id}"

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        """An ARN of the right form where that is asked for, and otherwise a text that names both."""
        reference = self.reference(logical_id, where)
        if name == "Arn" and self._resources[logical_id]["Type"] in _ARNS:
            service, kind = _ARNS[self._resources[logical_id]["Type"]]
            return self._identity.arn(service, f"{kind}{reference}")
        return f"{STACK}-{logical_id}-{name}"
