"""Resources are made at a real endpoint: what moto answers is what the template asked for."""

import asyncio
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.stack import BotoCaller, DeleteError, Stack
from tests.emulator.stack.loader import Loader

_TEMPLATE = """
Parameters: { HasTable: { Type: String, Default: "yes" } }
Conditions: { HasTable: !Equals [!Ref HasTable, "yes"] }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Condition: HasTable
    Properties:
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      DeletionProtectionEnabled: true
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
      SSESpecification: { SSEEnabled: true }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
      Tags: [{ Key: group, Value: demo }]
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketEncryption:
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: AES256 } }]
      PublicAccessBlockConfiguration:
        { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true }
      OwnershipControls: { Rules: [{ ObjectOwnership: BucketOwnerEnforced }] }
      LifecycleConfiguration:
        Rules:
          - { Id: old, Status: Enabled, Prefix: runs/, ExpirationInDays: 14 }
          - { Id: uploads, Status: Enabled, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }
  # Recorded alone: moto would judge calls by it without its condition, and refuse them all.
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Deny
            Principal: "*"
            Action: "s3:*"
            Resource: [!GetAtt Bucket.Arn, !Sub "${Bucket.Arn}/*"]
            Condition: { Bool: { "aws:SecureTransport": "false" } }
  Stream:
    Type: AWS::Kinesis::Stream
    Properties:
      ShardCount: 2
      RetentionPeriodHours: 48
      StreamModeDetails: { StreamMode: PROVISIONED }
      StreamEncryption: { EncryptionType: KMS, KeyId: alias/aws/kinesis }
  Queue: { Type: AWS::SQS::Queue, Properties: { SqsManagedSseEnabled: true, MessageRetentionPeriod: 1209600 } }
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Deny, Principal: "*", Action: "sqs:*", Resource: !GetAtt Queue.Arn }]
  Topic: { Type: AWS::SNS::Topic, Properties: { TopicName: alarms } }
  Logs: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: /aws/lambda/demo, RetentionInDays: 30 } }
Outputs:
  TableArn: { Condition: HasTable, Value: !GetAtt Table.Arn }
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A moto server on a free port of the loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def _client(service: str, endpoint: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def test_stack_is_made_and_removed_at_the_endpoint_when_boto_calls_it(load: Loader, endpoint: str) -> None:
    caller = BotoCaller(endpoint, Identity())
    stack: Stack = asyncio.run(load(_TEMPLATE).create(caller))
    ids = {name: item.physical_id for name, item in stack.resources.items()}
    s3, kinesis, sqs, logs = (_client(service, endpoint) for service in ("s3", "kinesis", "sqs", "logs"))

    # THEN what is there is what the template says
    assert [rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(Bucket=ids["Bucket"])["Rules"]] == [
        "old",
        "uploads",
    ]
    assert s3.get_public_access_block(Bucket=ids["Bucket"])["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    summary = kinesis.describe_stream_summary(StreamName=ids["Stream"])["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"], summary["EncryptionType"]) == (2, 48, "KMS")
    attributes = sqs.get_queue_attributes(QueueUrl=ids["Queue"], AttributeNames=["All"])["Attributes"]
    assert attributes["QueueArn"] == stack.resources["Queue"].attributes["Arn"]
    assert attributes["MessageRetentionPeriod"] == "1209600"
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 30

    # WHEN it is purged, a full bucket included
    s3.put_object(Bucket=ids["Bucket"], Key="runs/1/chunk", Body=b"x")
    asyncio.run(stack.delete(purge=True))

    # THEN nothing is left
    assert s3.list_buckets()["Buckets"] == []
    assert kinesis.list_streams()["StreamNames"] == []
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert logs.describe_log_groups()["logGroups"] == []


def test_table_is_made_as_the_template_says_when_boto_makes_it(load: Loader, endpoint: str) -> None:
    stack: Stack = asyncio.run(load(_TEMPLATE).create(BotoCaller(endpoint, Identity())))
    name, dynamodb = stack.resources["Table"].physical_id, _client("dynamodb", endpoint)

    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert (table["SSEDescription"]["Status"], table["DeletionProtectionEnabled"]) == ("ENABLED", True)
    assert table["TableArn"] == stack.outputs["TableArn"]
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [{"Key": "group", "Value": "demo"}]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}

    # WHEN it is purged though it is protected
    asyncio.run(stack.delete(purge=True))
    assert dynamodb.list_tables()["TableNames"] == []


def test_table_is_kept_when_it_is_protected_and_not_to_be_purged(load: Loader, endpoint: str) -> None:
    stack: Stack = asyncio.run(load(_TEMPLATE).create(BotoCaller(endpoint, Identity())))

    with pytest.raises(DeleteError, match=r"Table \(AWS::DynamoDB::Table\): ValidationException"):
        asyncio.run(stack.delete())

    assert list(stack.resources) == ["Table"]
    asyncio.run(stack.delete(purge=True))


def test_table_is_not_made_when_its_condition_is_false(load: Loader, endpoint: str) -> None:
    stack: Stack = asyncio.run(load(_TEMPLATE, HasTable="no").create(BotoCaller(endpoint, Identity())))

    assert _client("dynamodb", endpoint).list_tables()["TableNames"] == []
    assert (stack.outputs, "Table" in stack.resources) == ({}, False)
    asyncio.run(stack.delete(purge=True))


def test_boto_caller_raises_the_code_of_aws_when_the_service_refuses(endpoint: str) -> None:
    with pytest.raises(AwsError, match="NoSuchBucket") as caught:
        asyncio.run(BotoCaller(endpoint, Identity()).call("s3", "DeleteBucket", Bucket="nowhere"))

    assert caught.value.status == 404


def test_boto_caller_names_the_endpoint_when_nothing_answers_there() -> None:
    with pytest.raises(AwsError, match=r"sqs ListQueues at http://127\.0\.0\.1:9"):
        asyncio.run(BotoCaller("http://127.0.0.1:9", Identity()).call("sqs", "ListQueues"))
