"""What goes through to moto: S3 and SQS by boto3."""

import io
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.emulator.gateway.conftest import MakeClient


@pytest.fixture
def bucket(client: MakeClient, request: pytest.FixtureRequest) -> str:
    name = f"bucket-{abs(hash(request.node.name)):x}"[:40]
    client("s3").create_bucket(Bucket=name)
    return name


def test_object_comes_back_when_its_key_has_characters_to_escape(client: MakeClient, bucket: str) -> None:
    s3 = client("s3")
    key = "runs/2026-11-22T08:00:00Z/a b+c%2F/ü?x=1#y.json"
    s3.put_object(Bucket=bucket, Key=key, Body=b"[1]", Metadata={"run-id": "r1"})
    answer = s3.get_object(Bucket=bucket, Key=key)
    assert answer["Body"].read() == b"[1]"
    assert answer["Metadata"] == {"run-id": "r1"}
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="runs/")["Contents"]] == [key]


def test_conditional_write_is_refused_with_412_when_the_key_exists(client: MakeClient, bucket: str) -> None:
    """Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="lock", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="lock", Body=b"second", IfNoneMatch="*")
    assert caught.value.response["Error"]["Code"] == "PreconditionFailed"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=bucket, Key="lock")["Body"].read() == b"first"


def test_conditional_write_has_one_winner_when_many_race(client: MakeClient, bucket: str) -> None:
    s3 = client("s3")

    def write(number: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(24)))
    assert won.count(True) == 1


def test_large_object_is_streamed_both_ways_when_it_has_no_bytes_in_memory(client: MakeClient, bucket: str) -> None:
    s3 = client("s3")
    content = bytes(range(256)) * 20_000
    s3.upload_fileobj(io.BytesIO(content), bucket, "large")
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == content
    assert s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == len(content)


def test_range_of_an_object_is_read_when_asked_for(client: MakeClient, bucket: str) -> None:
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert answer["Body"].read() == b"234"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_presigned_url_is_served_when_fetched_without_a_client(client: MakeClient, bucket: str, style: str) -> None:
    s3 = client("s3", s3={"addressing_style": style}, signature_version="s3v4")
    client("s3").put_object(Bucket=bucket, Key="k", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    # A name under localhost need not resolve on this machine: connect to localhost and name the host in the header.
    host = url.split("/")[2]
    request = urllib.request.Request(url.replace(f"{bucket}.localhost", "localhost"), headers={"Host": host})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.read() == b"content"


def test_message_comes_back_when_sent_through_a_queue(client: MakeClient) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody='{"a": "ü"}')
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == '{"a": "ü"}'


def test_error_of_the_fallback_is_its_own_when_a_bucket_is_missing(client: MakeClient) -> None:
    s3 = client("s3")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="no-such-bucket")


def test_answers_without_a_body_pass_when_s3_gives_them(client: MakeClient, bucket: str) -> None:
    s3 = client("s3")
    tag = s3.put_object(Bucket=bucket, Key="empty", Body=b"")["ETag"]
    # 200 with nothing, 304, 404 to HEAD, 204
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""
    with pytest.raises(ClientError, match="304"):
        s3.get_object(Bucket=bucket, Key="empty", IfNoneMatch=tag)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="missing")
    assert s3.delete_object(Bucket=bucket, Key="empty")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_parts_become_one_object_when_uploaded_apart(client: MakeClient, bucket: str) -> None:
    s3 = client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    where = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, b"a" * 5 * 1024 * 1024), (2, b"b"))
    ]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="parts", Range="bytes=-2")["Body"].read() == b"ab"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "parts"})
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "parts"}, {"Key": "copy"}]})["Deleted"]
    assert len(deleted) == 2
