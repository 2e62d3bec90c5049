"""Lambda's errors that carry more than a code and a message."""

from emulator.errors import AwsError


class ThrottledError(AwsError):
    """TooManyRequestsException; `members` are the further members of the answer's body."""

    def __init__(self, reason: str) -> None:
        members = {"Reason": reason, "Type": "User"}
        super().__init__("TooManyRequestsException", "Rate Exceeded.", 429, members)
        self.reason = reason
