"""The error every emulated service answers with, under the name AWS gives it."""

from collections.abc import Mapping


class AwsError(Exception):
    """An AWS API error: `code` is AWS's own error name, `message` names the thing at fault.

    The gateway turns it into the wire form of the protocol in use, so that boto3 raises
    `ClientError` with this code, as it does against AWS. `members` are what the error has besides, such as a Reason.
    """

    def __init__(self, code: str, message: str, status: int = 400, members: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.members = members or {}
        self.code = code
        self.message = message
        self.status = status
