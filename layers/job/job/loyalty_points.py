"""The example job: keeps each user's loyalty points, as the partner API tells them, in the table loyalty_points."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from express_batch.job_contract import PartnerApi, Row, Table, User

SELECT_USERS = "SELECT user_id, tenant_id FROM users WHERE active = 1 ORDER BY user_id"
TABLE = Table("loyalty_points", key=("user_id",), columns=("user_id", "points", "tier", "updated_at"))


async def call_api(api: PartnerApi, user: User) -> Any:
    """The partner's answer for one user."""
    return await api.get_json(f"/v1/users/{quote(user.user_id, safe='')}/points")


def make_row(user: User, answer: Any) -> Row:
    """The row of `TABLE.columns`; whatever does not hold raises, and the user becomes a failure record."""
    points = answer["points"]
    if answer["user_id"] != user.user_id or type(points) is not int or not isinstance(answer["tier"], str):
        raise ValueError("not this user's points")
    updated_at = datetime.fromisoformat(answer["updated_at"]).astimezone(UTC)
    return user.user_id, points, answer["tier"], updated_at.isoformat(sep=" ", timespec="milliseconds")[:23]
