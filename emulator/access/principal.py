"""For which role something is done: an access key says it over HTTP, a context variable inside the emulator."""

import base64
import hashlib
from contextvars import ContextVar

# Role of the execution on whose behalf the present task calls; "" for nobody's.
acting_role: ContextVar[str] = ContextVar("acting_role", default="")


def make_access_key(role_arn: str) -> str:
    """The access key id of sessions of this role, in the form of a temporary one (ASIA...)."""
    digest = hashlib.sha256(role_arn.encode()).digest()
    return "ASIA" + base64.b32encode(digest).decode()[:16]


def read_access_key(authorization: str) -> str:
    """The access key id in a request's Authorization header, "" where there is none.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    _, found, credential = authorization.partition("Credential=")
    return credential.partition("/")[0] if found else ""
