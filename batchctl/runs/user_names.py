"""What is shown of a user: the id, or its hash where ids are not to be seen."""

from dataclasses import replace

from express_batch.user_ids import HASH_DIGITS, hash_user_id

from batchctl.runs.run_data import RunData


def hide_user_ids(data: RunData) -> RunData:
    """The run with every user id replaced by its hash, in findings and details too."""
    group = data.head.tenant_group
    names = {user.user_id for user in data.failed_users}
    names |= {user_id for failure in data.failures for user_id in failure.sample_users}
    hashes = {name: hash_user_id(group, name) for name in names if name}

    def hide(text: str) -> str:
        for name in mentioned:
            text = text.replace(name, hashes[name])
        return text

    # Longer ids first, so that none is cut by another that it contains.
    texts = "\n".join([finding.text + finding.remedy for finding in data.findings] + [f.detail for f in data.failures])
    mentioned = sorted((name for name in hashes if name in texts), key=len, reverse=True)
    return replace(
        data,
        failed_users=[replace(user, user_id=hashes.get(user.user_id, "")) for user in data.failed_users],
        failures=[
            replace(
                failure,
                sample_users=[hashes.get(name, "") for name in failure.sample_users],
                detail=hide(failure.detail),
            )
            for failure in data.failures
        ],
        slices=[
            replace(
                each,
                sample_users={
                    reason: [_hash_once(group, name, hashes) for name in ids]
                    for reason, ids in each.sample_users.items()
                },
            )
            for each in data.slices
        ],
        findings=[replace(finding, text=hide(finding.text), remedy=hide(finding.remedy)) for finding in data.findings],
    )


def _hash_once(group: str, name: str, hashes: dict[str, str]) -> str:
    """A log line may hold the hash already, where the stack hashes by itself."""
    is_hash = len(name) == HASH_DIGITS and all(digit in "0123456789abcdef" for digit in name)
    return hashes.get(name) or (name if is_hash else hash_user_id(group, name))
