"""DynamoDB tables."""

from collections.abc import Mapping
from typing import Any, ClassVar

from emulator.stack.aws_caller import AwsCaller
from emulator.stack.providers.base import Made, Request, pick, wait_until
from emulator.stack.shapes import shape_parameters


class TableProvider:
    """AWS::DynamoDB::Table.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
    """

    _AS_THE_API_HAS_THEM: ClassVar[tuple[str, ...]] = (
        "AttributeDefinitions", "BillingMode", "DeletionProtectionEnabled", "GlobalSecondaryIndexes", "KeySchema",
        "LocalSecondaryIndexes", "ProvisionedThroughput", "Tags",
    )  # fmt: skip
    properties: ClassVar[frozenset[str]] = frozenset(
        {*_AS_THE_API_HAS_THEM, "PointInTimeRecoverySpecification", "SSESpecification", "TableName"}
    )
    left_out: ClassVar[Mapping[str, str]] = {
        "ContributorInsightsSpecification": "nothing counts accesses by key here",
        "OnDemandThroughput": "no capacity is limited here",
        "TableClass": "it changes the price alone",
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html
        "TimeToLiveSpecification": "the setting is kept, and no item expires; AWS takes days to remove one",
    }
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The table, active; Ref gives its name."""
        given = request.properties
        name = str(given.get("TableName", request.physical_name))
        wanted = pick(given, *self._AS_THE_API_HAS_THEM)
        if "SSESpecification" in given:
            wanted["SSESpecification"] = _to_encryption(given["SSESpecification"])
        shaped = shape_parameters("dynamodb", "CreateTable", wanted, request.logical_id)
        answer = await aws.call("dynamodb", "CreateTable", TableName=name, **shaped)

        async def is_active() -> bool:
            found = await aws.call("dynamodb", "DescribeTable", TableName=name)
            return bool(found["Table"]["TableStatus"] == "ACTIVE")

        await wait_until(is_active, f"table {name} did not become active")
        for operation, setting in (
            ("UpdateContinuousBackups", "PointInTimeRecoverySpecification"),
            ("UpdateTimeToLive", "TimeToLiveSpecification"),
        ):
            if setting in given:
                shaped = shape_parameters("dynamodb", operation, pick(given, setting), request.logical_id)
                await aws.call("dynamodb", operation, TableName=name, **shaped)
        return Made(name, {"Arn": str(answer["TableDescription"]["TableArn"])})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the table with its items; DynamoDB refuses a protected one, unless it is to be purged."""
        if purge:
            await aws.call("dynamodb", "UpdateTable", TableName=made.physical_id, DeletionProtectionEnabled=False)
        await aws.call("dynamodb", "DeleteTable", TableName=made.physical_id)


def _to_encryption(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"Enabled" if name == "SSEEnabled" else name: value for name, value in given.items()}
