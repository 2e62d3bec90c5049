"""How a user is named where operators look: log lines and traces."""

import hashlib

HASH_DIGITS = 16


def hash_user_id(tenant_group: str, user_id: str) -> str:
    """The first 16 hexadecimal digits of SHA-256 of `<tenant group>/<user id>`: the same in every run of the group."""
    text = f"{tenant_group}/{user_id}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:HASH_DIGITS]
