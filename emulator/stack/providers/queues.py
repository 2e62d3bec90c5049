"""SQS queues and their policies, and SNS topics."""

from collections.abc import Mapping
from typing import ClassVar

from emulator.stack.aws_caller import AwsCaller
from emulator.stack.providers.base import Made, Request
from emulator.stack.shapes import shape_parameters, to_boolean, to_tag_map, to_text


class QueueProvider:
    """AWS::SQS::Queue."""

    # CloudFormation's properties are SQS's attributes, value for value as text.
    _ATTRIBUTES: ClassVar[frozenset[str]] = frozenset(
        {
            "ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit",
            "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled",
            "VisibilityTimeout",
        }
    )  # fmt: skip
    properties: ClassVar[frozenset[str]] = frozenset({*_ATTRIBUTES, "QueueName", "Tags"})
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn", "QueueName", "QueueUrl"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The queue; Ref gives its URL."""
        given = request.properties
        is_fifo = to_boolean(given.get("FifoQueue", False), request.where("FifoQueue"))
        name = str(given.get("QueueName", request.physical_name + (".fifo" if is_fifo else "")))
        attributes = {key: to_text(value) for key, value in given.items() if key in self._ATTRIBUTES}
        if not is_fifo:
            attributes.pop("FifoQueue", None)  # SQS takes it as true or not at all
        answer = await aws.call(
            "sqs", "CreateQueue", QueueName=name, Attributes=attributes, tags=to_tag_map(given.get("Tags"))
        )
        url = str(answer["QueueUrl"])
        return Made(url, {"Arn": request.identity.arn("sqs", name), "QueueName": name, "QueueUrl": url})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the queue and its messages."""
        await aws.call("sqs", "DeleteQueue", QueueUrl=made.physical_id)


class QueuePolicyProvider:
    """AWS::SQS::QueuePolicy."""

    properties: ClassVar[frozenset[str]] = frozenset({"PolicyDocument", "Queues"})
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"Id"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The policy on each of its queues; it is kept, and no call is judged by it."""
        policy = to_text(request.properties["PolicyDocument"])
        queues = [str(url) for url in request.properties["Queues"]]
        for url in queues:
            await aws.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})
        return Made(request.physical_name, {"Id": request.physical_name, "Queues": queues})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the policy from each of its queues."""
        for url in made.attributes["Queues"]:
            await aws.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})


class TopicProvider:
    """AWS::SNS::Topic."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {"DisplayName", "KmsMasterKeyId", "Subscription", "Tags", "TopicName"}
    )
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"TopicArn", "TopicName"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The topic with its subscriptions; Ref gives its ARN."""
        given = request.properties
        name = str(given.get("TopicName", request.physical_name))
        settings = {key: to_text(given[key]) for key in ("DisplayName", "KmsMasterKeyId") if key in given}
        answer = await aws.call("sns", "CreateTopic", Name=name, Attributes=settings, Tags=given.get("Tags", []))
        arn = str(answer["TopicArn"])
        for subscription in given.get("Subscription", []):
            await aws.call(
                "sns",
                "Subscribe",
                **shape_parameters("sns", "Subscribe", subscription, request.logical_id),
                TopicArn=arn,
            )
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the topic with its subscriptions."""
        await aws.call("sns", "DeleteTopic", TopicArn=made.physical_id)
