"""What a job is: the code a team writes, told which users, which call, which row. It knows no AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

Value = str | int | float | bool | None
Row = Sequence[Value]


class User(NamedTuple):
    """One user of one tenant, as the job's query lists them."""

    user_id: str
    tenant_id: str


@dataclass(frozen=True)
class Table:
    """The table that a job's rows go to; it has a column `answer_version BIGINT UNSIGNED NOT NULL` besides.

    `answer_version` is the platform's guard: an older answer never overwrites a newer one.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]  # key columns among them
    key_positions: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        missing = [column for column in self.key if column not in self.columns]
        if not self.key or missing:
            raise ValueError(f"table {self.name}: key {self.key} must name columns out of {self.columns}")
        object.__setattr__(self, "key_positions", tuple(self.columns.index(column) for column in self.key))


class PartnerApi(Protocol):
    """The partner API as a job sees it: base URL, time-outs, limits and retries are the platform's."""

    async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """The decoded JSON of a 200 answer. Raises a PartnerApiError, which a job lets pass."""
        ...


class Job(Protocol):
    """A job: a module with these four names (layers/job/job/loyalty_points.py is the example)."""

    # SQL that lists user_id and tenant_id, in this order. It must not need parameters.
    SELECT_USERS: str
    # Besides, if a job has it: TENANT_WEIGHTS: Mapping[str, int], users a round of the tenants named (fair_order.py).
    TABLE: Table

    async def call_api(self, api: PartnerApi, user: User) -> Any:
        """The partner's answer for one user."""
        ...

    def make_row(self, user: User, answer: Any) -> Row:
        """The row of `TABLE.columns`.

        LookupError, TypeError, ValueError, ArithmeticError and AttributeError mean: this answer is malformed.
        """
        ...
