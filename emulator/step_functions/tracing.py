"""The trace header that an execution hands to the functions it invokes.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
"""

import secrets


def make_trace_header(given: str | None, now: float, *, enabled: bool) -> str:
    """`Root=...;Parent=...;Sampled=0|1`: the caller's trace where there is one, a new one otherwise.

    Parent is this execution's own segment. Where tracing is off for the state machine nothing is sampled.
    """
    fields = dict(part.strip().split("=", 1) for part in (given or "").split(";") if "=" in part)
    root = fields.get("Root") or f"1-{int(now):08x}-{secrets.token_hex(12)}"
    sampled = fields.get("Sampled", "1") if enabled else "0"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled={sampled}"
