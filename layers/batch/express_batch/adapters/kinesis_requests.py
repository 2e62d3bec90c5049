"""PutRecords, the one operation of Kinesis that the batch uses, in the shape of boto3's client."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from express_batch.adapters.aws_requests import AwsRequests, find_endpoint, get_region, read_document

# The protocol of https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
_HEADERS = {"X-Amz-Target": "Kinesis_20131202.PutRecords", "Content-Type": "application/x-amz-json-1.1"}


class KinesisRequests:
    """Sends to the region's Kinesis."""

    def __init__(self) -> None:
        self._url = (find_endpoint("kinesis") or f"https://kinesis.{get_region()}.amazonaws.com") + "/"
        self._requests = AwsRequests("kinesis")

    def put_records(self, *, StreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """The answer's FailedRecordCount and Records. Raises ClientError and BotoCoreError as boto3 does."""
        records = [
            {"Data": base64.b64encode(record["Data"]).decode(), "PartitionKey": record["PartitionKey"]}
            for record in Records
        ]
        body = json.dumps({"StreamName": StreamName, "Records": records}).encode()
        status, answer, _ = self._requests.send("POST", self._url, body, _HEADERS)
        document = read_document(answer)
        if status >= 300:
            code = str(document.get("__type", status)).rpartition("#")[2]
            message = str(document.get("message", document.get("Message", "")))
            raise ClientError(
                {"Error": {"Code": code, "Message": message}, "ResponseMetadata": _metadata(status)}, "PutRecords"
            )
        return document


def _metadata(status: int) -> Any:
    return {"HTTPStatusCode": status}
