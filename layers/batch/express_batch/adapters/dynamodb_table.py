"""The table of the partners' limits in DynamoDB: two operations of its API, GetItem and UpdateItem."""

import json
import random
import re
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError

from express_batch.adapters.aws_requests import AwsRequests, find_endpoint, get_region, read_document
from express_batch.errors import LimitUnavailableError
from express_batch.ports import Item

# The protocol of https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
_HEADERS = {"Content-Type": "application/x-amz-json-1.0"}
_TARGET = "DynamoDB_20120810"
_KEY = "partner"
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
ATTEMPTS = 4
BASE_DELAY_SECONDS = 0.05
# Worth another attempt besides every 5xx. A change that was made and whose answer was lost is made twice then: slots
# that nobody uses, never calls that nobody counted.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_RETRYABLE = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}
_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoDbTable:
    """A LimitTable over one table. Its methods raise LimitUnavailableError, whatever keeps the table from answering."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _url(self) -> str:
        return (find_endpoint("dynamodb") or f"https://dynamodb.{get_region()}.amazonaws.com") + "/"

    @cached_property
    def _requests(self) -> AwsRequests:
        return AwsRequests("dynamodb")

    def read(self, key: str) -> Item:
        """The item as it was a moment ago, at half the price of the item as it is."""
        return self._get(key, consistent=False)

    def read_now(self, key: str) -> Item:
        """The item as it is."""
        return self._get(key, consistent=True)

    def advance(self, key: str, name: str, by: int, *, least: int, most: int) -> tuple[bool, Item]:
        """Add `by` to a number that lies between the two. Whether it did, and the item as it was before."""
        done, answer = self._update(
            key,
            "SET #name = #name + :by",
            condition="#name >= :least AND #name <= :most",
            names={"#name": name},
            values={":by": by, ":least": least, ":most": most},
            # The item comes with a refusal, too, at no further cost.
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return done, _decode(answer.get("Attributes" if done else "Item"))

    def exchange(self, key: str, values: Item, *, name: str, seen: int | None) -> bool:
        """Set `values` while the number `name` is still `seen` (None: not there)."""
        given = {f":set{number}": value for number, value in enumerate(values.values())}
        done, _ = self._update(
            key,
            "SET " + ", ".join(f"#set{number} = :set{number}" for number in range(len(values))),
            condition="attribute_not_exists(#seen)" if seen is None else "#seen = :seen",
            names={"#seen": name} | {f"#set{number}": name for number, name in enumerate(values)},
            values=given if seen is None else given | {":seen": seen},
        )
        return done

    def add(self, key: str, total: str, name: str, by: int, *, seen: int | None, most: int) -> tuple[bool, Item]:
        """Add `by` to the numbers `total` and `name` at once.

        While `name` is still `seen` (None: not there) and, where `by` is above 0, the total stays within `most`.
        Whether it did, and the item as it is then.
        """
        condition = "attribute_not_exists(#name)" if seen is None else "#name = :seen"
        values = {":by": by} if seen is None else {":by": by, ":seen": seen}
        if by > 0:
            condition += " AND (attribute_not_exists(#total) OR #total <= :left)"
            values[":left"] = most - by
        done, answer = self._update(
            key,
            "ADD #total :by, #name :by",
            condition=condition,
            names={"#total": total, "#name": name},
            values=values,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return done, _decode(answer.get("Attributes" if done else "Item"))

    def drop(self, key: str, total: str, name: str, *, seen: int | None = None) -> None:
        """Take `name` away and its number off `total`; where it is `seen` alone, if that is given."""
        # An operand may be an attribute, as it is before the update
        # (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html).
        self._update(
            key,
            "SET #total = #total - #name REMOVE #name",
            condition="attribute_exists(#total) AND "
            + ("attribute_exists(#name)" if seen is None else "#name = :seen"),
            names={"#total": total, "#name": name},
            values=None if seen is None else {":seen": seen},
        )

    def _get(self, key: str, *, consistent: bool) -> Item:
        _, answer = self._send("GetItem", {"Key": _encode({_KEY: key}), "ConsistentRead": consistent})
        return _decode(answer.get("Item"))

    def _update(
        self,
        key: str,
        expression: str,
        *,
        names: Mapping[str, str],
        values: Item | None = None,
        condition: str | None = None,
        **options: str,
    ) -> tuple[bool, dict[str, Any]]:
        request: dict[str, Any] = {"Key": _encode({_KEY: key}), "UpdateExpression": expression, **options}
        request["ExpressionAttributeNames"] = names
        if condition is not None:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = _encode(values)
        return self._send("UpdateItem", request)

    def _send(self, operation: str, request: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
        """False with the answer when the condition did not hold."""
        body = json.dumps({"TableName": self._name, **request}, separators=(",", ":")).encode()
        headers = {**_HEADERS, "X-Amz-Target": f"{_TARGET}.{operation}"}
        cause: BotoCoreError | None = None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answer, _ = self._requests.send("POST", self._url, body, headers)
            except BotoCoreError as error:
                problem, cause = f"cannot be reached ({type(error).__name__})", error
            else:
                document, cause = read_document(answer), None
                if status < 300:
                    return True, document
                code = str(document.get("__type", status)).rpartition("#")[2]
                if code == _CONDITION_FAILED:
                    return False, document
                problem = f"answers {operation} with {code}"
                if status < 500 and code not in _RETRYABLE:
                    problem += ": check PartnerLimitTableName and this function's role"
                    break
            if attempt < ATTEMPTS:
                time.sleep(random.uniform(0, BASE_DELAY_SECONDS * 2.0**attempt))  # noqa: S311
        raise LimitUnavailableError(f"table {self._name} {problem}") from cause


def _encode(values: Item) -> dict[str, dict[str, str]]:
    return {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in values.items()}


def _decode(item: object) -> Item:
    """Whole numbers and texts; what else somebody has put into the item is none of ours."""
    values: dict[str, int | str] = {}
    for name, value in item.items() if isinstance(item, dict) else ():
        if name == _KEY or not isinstance(value, dict):
            continue
        number, text = value.get("N"), value.get("S")
        if isinstance(number, str) and _WHOLE_NUMBER.fullmatch(number):
            values[name] = int(number)
        elif isinstance(text, str):
            values[name] = text
    return values
