"""The order of a run's users: tenants take turns, so that one with thousands of users puts nobody behind it.

A run calls for chunk after chunk, and within them for slice after slice. In rounds of one user of each tenant, or of as
many as its weight says, a tenant of 20 users is through after 20 rounds, however many the largest one has.
"""

from collections.abc import Iterable, Iterator, Mapping

from express_batch.errors import JobFailedError
from express_batch.job_contract import User

HIGHEST_WEIGHT = 1000


def take_turns(users: Iterable[User], weights: Mapping[str, int]) -> Iterator[User]:
    """Every user once; a tenant's own keep their order, tenants come in the order of their first user.

    Linear in the users. All ids are held until the first user is given, each tenant's once, and let go one by one.
    """
    waiting: dict[str, list[str]] = {}
    for user_id, tenant_id in users:
        ids = waiting.get(tenant_id)
        if ids is None:
            ids = waiting[tenant_id] = []
        ids.append(user_id)
    for ids in waiting.values():
        ids.reverse()  # so that taking the first is taking off the end
    # Every visit gives a user at least and the last one drops the tenant, so there are no more visits than users.
    while waiting:
        for tenant_id in list(waiting):
            ids = waiting[tenant_id]
            for _ in range(min(weights.get(tenant_id, 1), len(ids))):
                yield User(ids.pop(), tenant_id)
            if not ids:
                del waiting[tenant_id]


def read_weights(job: object) -> Mapping[str, int]:
    """The job's TENANT_WEIGHTS, {} where it has none. Raises JobFailedError for what is no weight."""
    weights = getattr(job, "TENANT_WEIGHTS", {})
    if not isinstance(weights, Mapping):
        raise JobFailedError(f"TENANT_WEIGHTS of the job is a {type(weights).__name__}: expected {{tenant_id: weight}}")
    for tenant_id, weight in weights.items():
        if type(weight) is not int or not 1 <= weight <= HIGHEST_WEIGHT:
            raise JobFailedError(
                f"TENANT_WEIGHTS of the job has {weight!r} for {tenant_id}: expected a whole number from 1 to "
                f"{HIGHEST_WEIGHT}"
            )
    return weights
