"""The one line that says why a run is not as it should be, and what to do."""

from express_batch.outside_json import decode_json

from batchctl.local.summary import RunSummary

MAX_CAUSE_CHARACTERS = 400


def describe_failure(summary: RunSummary, error: str | None, cause: str | None) -> str:
    """For an execution that did not succeed."""
    return f"run {summary.run_id} is {summary.status}: {error or 'no error name'}: {_readable(cause)}"


def describe_partial(summary: RunSummary, partner_api_url: str) -> str:
    """For a PARTIAL run where no failure was asked for."""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in summary.failed_by_reason.items())
    return (
        f"run {summary.run_id} is PARTIAL: {summary.users_failed:,} of {summary.users_listed:,} users failed "
        f"({reasons}): "
        f"see that {partner_api_url} answers; the failure records name each user"
    )


def _readable(cause: str | None) -> str:
    """A Lambda's cause is a JSON document; its message is what a person needs."""
    try:
        document = decode_json(cause or "")
        text = str(document["errorMessage"])
    except (ValueError, KeyError, TypeError):
        text = cause or "no cause given"
    return text[:MAX_CAUSE_CHARACTERS]
