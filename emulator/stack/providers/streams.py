"""The Kinesis stream and the mapping that feeds it to a function."""

from collections.abc import Mapping
from typing import ClassVar

from emulator.errors import AwsError
from emulator.stack.aws_caller import AwsCaller
from emulator.stack.providers.base import Made, Request, pick, wait_until
from emulator.stack.shapes import shape_parameters, to_tag_map

_SHORTEST_RETENTION_HOURS = 24


class StreamProvider:
    """AWS::Kinesis::Stream."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"Name", "RetentionPeriodHours", "ShardCount", "StreamEncryption", "StreamModeDetails", "Tags"}
    )
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The stream, active."""
        given = request.properties
        name = str(given.get("Name", request.physical_name))
        parameters = shape_parameters(
            "kinesis", "CreateStream", pick(given, "ShardCount", "StreamModeDetails"), request.logical_id
        )
        await aws.call("kinesis", "CreateStream", **parameters, StreamName=name, Tags=to_tag_map(given.get("Tags")))

        async def is_active() -> bool:
            found = await aws.call("kinesis", "DescribeStreamSummary", StreamName=name)
            return bool(found["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")

        await wait_until(is_active, f"stream {name} did not become active")
        hours = int(given.get("RetentionPeriodHours", _SHORTEST_RETENTION_HOURS))
        if hours > _SHORTEST_RETENTION_HOURS:
            await aws.call("kinesis", "IncreaseStreamRetentionPeriod", StreamName=name, RetentionPeriodHours=hours)
            await wait_until(is_active, f"stream {name} did not take its retention")
        if "StreamEncryption" in given:
            encryption = shape_parameters(
                "kinesis", "StartStreamEncryption", given["StreamEncryption"], request.where("StreamEncryption")
            )
            await aws.call("kinesis", "StartStreamEncryption", StreamName=name, **encryption)
            await wait_until(is_active, f"stream {name} did not take its encryption")
        found = await aws.call("kinesis", "DescribeStreamSummary", StreamName=name)
        return Made(name, {"Arn": found["StreamDescriptionSummary"]["StreamARN"]})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the stream and its records."""
        await aws.call("kinesis", "DeleteStream", StreamName=made.physical_id)


class EventSourceMappingProvider:
    """AWS::Lambda::EventSourceMapping."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {
            "BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "Enabled", "EventSourceArn",
            "FilterCriteria", "FunctionName", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds",
            "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor", "ScalingConfig",
            "StartingPosition", "StartingPositionTimestamp", "TumblingWindowInSeconds",
        }
    )  # fmt: skip
    left_out: ClassVar[Mapping[str, str]] = {"Tags": "mappings carry no tags here"}
    attributes: ClassVar[frozenset[str]] = frozenset({"EventSourceMappingArn", "Id"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The mapping, polling unless it is to be disabled."""
        given = pick(request.properties, *self.properties)
        parameters = shape_parameters("lambda", "CreateEventSourceMapping", given, request.logical_id)
        answer = await aws.call("lambda", "CreateEventSourceMapping", **parameters)
        mapping_id = str(answer["UUID"])
        wanted = "Enabled" if parameters.get("Enabled", True) else "Disabled"

        async def is_settled() -> bool:
            found = await aws.call("lambda", "GetEventSourceMapping", UUID=mapping_id)
            return bool(found["State"] == wanted)

        await wait_until(is_settled, f"mapping {mapping_id} did not become {wanted}")
        arn = request.identity.arn("lambda", f"event-source-mapping:{mapping_id}")
        return Made(mapping_id, {"Id": mapping_id, "EventSourceMappingArn": answer.get("EventSourceMappingArn", arn)})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Return once nothing is polled any more, so that stream and function can go."""
        await aws.call("lambda", "DeleteEventSourceMapping", UUID=made.physical_id)

        async def is_gone() -> bool:
            try:
                await aws.call("lambda", "GetEventSourceMapping", UUID=made.physical_id)
            except AwsError as error:
                if error.code == "ResourceNotFoundException":
                    return True
                raise
            return False

        await wait_until(is_gone, f"mapping {made.physical_id} did not stop")
