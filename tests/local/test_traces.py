"""The trace of a whole run: it fits into X-Ray, and goes on behind the stream."""

import json
from collections import Counter

from batchctl.local.options import LocalOptions
from tests.local.background_stack import BackgroundStack

USERS = 30_000
SLICES = USERS // 250
# https://docs.aws.amazon.com/general/latest/gr/xray.html
TRACE_BYTES = 500_000


def test_trace_of_thirty_thousand_users_fits_and_holds_what_became_of_every_row() -> None:
    # GIVEN a run with the template's own sizes
    with BackgroundStack(LocalOptions(users=USERS, api_latency_ms=20)) as stack:
        execution = stack.run_batch()
        traces = stack.traces()
    assert execution.output["rows_written"] == USERS

    # WHEN its trace is read: the only one in which users were listed
    (documents,) = (each for each in traces.values() if any('"name": "ListUsers"' in text for text in each))
    segments = [json.loads(text) for text in documents]

    # THEN it fits, with what Step Functions and Lambda themselves write
    assert sum(map(len, documents)) < TRACE_BYTES
    # States bear the functions' names too; what a function says of itself is annotated.
    own = [segment for segment in segments if "annotations" in segment]
    names = Counter(segment["name"] for segment in own)
    assert (names["ListUsers"], names["SyncUsers"], names["CloseRun"]) == (1, SLICES, 1)
    slices = [segment for segment in own if segment["name"] == "SyncUsers"]
    assert sum(segment["annotations"]["synced"] for segment in slices) == USERS
    assert all(len(segment["subsegments"][1]["subsegments"]) == 2 for segment in slices)
    # THEN each slice hangs under an invocation of its own, and each write under one of these
    invocations = {segment["parent_id"] for segment in slices}
    assert len(invocations) == SLICES
    assert invocations <= {segment["id"] for segment in segments if segment.get("origin") == "AWS::Lambda::Function"}
    writes = [segment for segment in segments if segment["name"] == "WriteRows"]
    assert {segment["parent_id"] for segment in writes} <= invocations
    assert sum(segment["annotations"]["rows"] for segment in writes) == USERS
    # THEN a slice's own share is small whatever its users are called
    sizes = [len(json.dumps(segment, separators=(",", ":"))) for segment in slices]
    assert max(sizes) < 1_300
