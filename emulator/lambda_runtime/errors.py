"""Lambda's errors that carry more than a code and a message."""

from emulator.errors import AwsError


class ThrottledError(AwsError):
    """TooManyRequestsException; `members` are the further members of the answer's body."""

    def __init__(self, reason: str) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.", 429)
        self.reason = reason
        self.members = {"Reason": reason, "Type": "User"}
