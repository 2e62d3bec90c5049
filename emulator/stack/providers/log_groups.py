"""CloudWatch log groups."""

from collections.abc import Mapping
from typing import ClassVar

from emulator.stack.aws_caller import AwsCaller
from emulator.stack.providers.base import Made, Request
from emulator.stack.shapes import to_tag_map


class LogGroupProvider:
    """AWS::Logs::LogGroup."""

    properties: ClassVar[frozenset[str]] = frozenset({"LogGroupName", "RetentionInDays", "Tags"})
    left_out: ClassVar[Mapping[str, str]] = {"KmsKeyId": "logs are not encrypted on this machine"}
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The log group with its retention; its Arn ends in `:*`, as CloudFormation's does."""
        given = request.properties
        name = str(given.get("LogGroupName", request.physical_name))
        await aws.call("logs", "CreateLogGroup", logGroupName=name, tags=to_tag_map(given.get("Tags")))
        if "RetentionInDays" in given:
            days = int(given["RetentionInDays"])
            await aws.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
        return Made(name, {"Arn": request.identity.arn("logs", f"log-group:{name}:*")})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the log group and its streams."""
        await aws.call("logs", "DeleteLogGroup", logGroupName=made.physical_id)
