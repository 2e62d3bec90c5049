"""S3's REST API for one bucket, with its retries and its errors in the batch's words."""

import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4Auth
from botocore.exceptions import BotoCoreError

from express_batch.adapters.aws_requests import MAX_ANSWER_BYTES, AwsRequests, find_endpoint, get_region
from express_batch.errors import StorageRefusedError, StorageUnavailableError
from express_batch.object_sizes import find_max_bytes

ATTEMPTS = 4
BASE_DELAY_SECONDS = 0.1
# Worth another attempt besides every 5xx: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
# (ConditionalRequestConflict: a delete came between; S3 asks to try again.)
RETRYABLE_CODES = {"SlowDown", "RequestTimeout", "ConditionalRequestConflict", "InternalError", "ServiceUnavailable"}
_CODE = re.compile(rb"<Code>(\w+)</Code>")


@dataclass(frozen=True)
class S3Answer:
    """A 2xx answer's body, or the error's code. TOO_LARGE for an object of more bytes than one of its key may have."""

    body: bytes
    etag: str = ""
    error_code: str | None = None


class S3Requests:
    """Sends requests to one bucket on connections that are kept."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._base_url = _find_base_url(bucket)
        self._requests = AwsRequests("s3", S3SigV4Auth)

    def send(
        self,
        method: str,
        key: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        expected_errors: tuple[str, ...] = (),
    ) -> S3Answer:
        """The answer; one of `expected_errors` comes as its `error_code`.

        Raises StorageUnavailableError when S3 does not answer as it should after a few attempts, StorageRefusedError
        when it refuses for good.
        """
        url = f"{self._base_url}/{quote(key, safe='/~')}"
        if query:
            url = f"{self._base_url}?{urlencode(query, quote_via=quote, safe='~')}"
        max_bytes = find_max_bytes(key) if key else MAX_ANSWER_BYTES
        place = f"{self._bucket}/{key or (query or {}).get('prefix', '')}"
        problem = ""
        cause: BotoCoreError | None = None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answer, answer_headers = self._requests.send(method, url, body, headers or {}, max_bytes)
            except BotoCoreError as error:
                problem = f"S3 cannot be reached for {place} ({type(error).__name__})"
                cause = error
            else:
                if status < 300:
                    return S3Answer(answer, answer_headers.get("ETag", ""))
                code = _read_code(status, answer)
                if code in expected_errors:
                    return S3Answer(b"", error_code=code)
                if status < 500 and status != 429 and code not in RETRYABLE_CODES:
                    raise StorageRefusedError(
                        f"S3 refuses {method} of {place} with {code}: check the bucket and this function's role"
                    )
                problem, cause = f"S3 answers {code} for {place}", None
            if attempt < ATTEMPTS:
                time.sleep(random.uniform(0, BASE_DELAY_SECONDS * 2.0**attempt))  # noqa: S311
        raise StorageUnavailableError(problem) from cause


def _find_base_url(bucket: str) -> str:
    """The bucket's own host name on AWS, a path at an endpoint that was set."""
    endpoint = find_endpoint("s3")
    return f"{endpoint}/{bucket}" if endpoint else f"https://{bucket}.s3.{get_region()}.amazonaws.com"


def _read_code(status: int, answer: bytes) -> str:
    match = _CODE.search(answer)
    return match[1].decode() if match else str(status)
