"""Cuts a list into pages as the API's maxResults and nextToken ask for."""

from typing import Any, TypeVar

from emulator.errors import AwsError

_MOST = 1000
_DEFAULT = 100

Item = TypeVar("Item")


def cut_page(items: list[Item], request: dict[str, Any], key: str) -> dict[str, Any]:
    """`{key: items of the page}` with a nextToken where more follow; raises AwsError."""
    size = request.get("maxResults") or _DEFAULT  # 0 means the default
    if size > _MOST:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have value less than or equal to {_MOST}",
        )
    token = request.get("nextToken", "0")
    if not token.isdecimal() or int(token) > len(items):
        raise AwsError("InvalidToken", f"Invalid Token: '{token}'")
    start = int(token)
    page: dict[str, Any] = {key: items[start : start + size]}
    if start + size < len(items):
        page["nextToken"] = str(start + size)
    return page
