"""A job that calls /<user id> and keeps the answer's `value`."""

from typing import Any

from express_batch.job_contract import PartnerApi, Row, Table, User


class ValueJob:
    """One column besides the key."""

    SELECT_USERS = "SELECT user_id, tenant_id FROM users ORDER BY user_id"
    TABLE = Table("kept_values", key=("user_id",), columns=("user_id", "value"))

    async def call_api(self, api: PartnerApi, user: User) -> Any:
        return await api.get_json(f"/{user.user_id}")

    def make_row(self, user: User, answer: Any) -> Row:
        return user.user_id, answer["value"]
