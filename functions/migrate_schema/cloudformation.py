"""What CloudFormation asks of a custom resource, and the answer it waits for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from express_batch.errors import InvalidEventError

REQUEST_NAMES = ("RequestType", "ResponseURL", "StackId", "RequestId", "LogicalResourceId")
_VERSION = re.compile(r"[0-9]{1,18}")
# 4,096 bytes are the whole answer's limit; the ids in it take about 500.
REASON_LENGTH = 2000
ANSWER_ATTEMPTS = 4
ANSWER_SECONDS = 5


def is_request(event: object) -> bool:
    """Whether CloudFormation asks; anybody else is an operator. Raises InvalidEventError for half of a request."""
    if not isinstance(event, Mapping):
        raise InvalidEventError(f"the event is a {type(event).__name__}: expected {{}}, or CloudFormation's request")
    if "RequestType" not in event:
        return False
    wrong = [name for name in REQUEST_NAMES if not isinstance(event.get(name), str)]
    if wrong or urlsplit(event["ResponseURL"]).scheme not in ("http", "https"):
        raise InvalidEventError(f"the event is no request of CloudFormation: {', '.join(wrong) or 'ResponseURL'}")
    return True


def needs_steps(event: Mapping[str, Any]) -> bool:
    """Whether the request is one to apply steps.

    Not a deletion, which takes no table away. Not a roll-back to a layer of steps from before: the schema only grows,
    and a failed update must be able to roll back even where the database cannot be reached.
    """
    if event["RequestType"] == "Delete":
        return False
    new, old = (_read_version(event.get(name)) for name in ("ResourceProperties", "OldResourceProperties"))
    return new is None or old is None or new >= old


def send_answer(event: Mapping[str, Any], problem: str | None) -> None:
    """Tell CloudFormation how it went. Raises OSError when S3 takes no answer after several attempts."""
    # The URL is signed for an empty Content-Type.
    request = urllib.request.Request(  # noqa: S310  # CloudFormation's own URL
        event["ResponseURL"], data=make_answer(event, problem), headers={"Content-Type": ""}, method="PUT"
    )
    for attempt in range(1, ANSWER_ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310
                return
        except urllib.error.URLError:
            if attempt == ANSWER_ATTEMPTS:
                raise
            time.sleep(0.2 * 2**attempt)


def make_answer(event: Mapping[str, Any], problem: str | None) -> bytes:
    """What CloudFormation waits for."""
    answer = {
        "Status": "FAILED" if problem else "SUCCESS",
        "Reason": (problem or "")[:REASON_LENGTH],
        # The same for ever: another id would make CloudFormation delete the old one.
        "PhysicalResourceId": event.get("PhysicalResourceId", "schema-steps"),
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    return json.dumps(answer).encode()


def _read_version(properties: Any) -> int | None:
    """The number at the end of the layer version's ARN, which grows with each release."""
    number = str(properties.get("Steps", "") if isinstance(properties, Mapping) else "").rpartition(":")[2]
    return int(number) if _VERSION.fullmatch(number) else None
