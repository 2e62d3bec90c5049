"""The X-Ray operations that a report reads traces with, over what the daemon has received."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.services.xray.daemon import XRayDaemon
from emulator.services.xray.filter_expression import parse_filter
from emulator.services.xray.service_graph import ServiceGraph
from emulator.services.xray.trace_store import TraceCounts, TraceStore
from emulator.services.xray.trace_summary import start_time, summarise_trace

# Source: https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html
_TRACES_A_CALL = 5
_SUMMARIES_A_PAGE = 1000
# Source: https://docs.aws.amazon.com/general/latest/gr/xray.html (maximum trace document size)
_TRACE_BYTES = 500 * 1024


class XRayService:
    """The daemon with its traces in memory, bounded by documents and bytes."""

    def __init__(self, identity: Identity, *, max_documents: int = 200_000, max_bytes: int = 128 * 1024 * 1024) -> None:
        self._identity = identity
        self._store = TraceStore(max_documents=max_documents, max_bytes=max_bytes)
        self._daemon = XRayDaemon(self._store)
        self._handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "PutTraceSegments": self._put_segments,
            "BatchGetTraces": self._get_traces,
            "GetTraceSummaries": self._get_summaries,
            "GetServiceGraph": self._get_service_graph,
            "GetTraceGraph": self._get_trace_graph,
            # No rules of one's own: clients then use their default of one trace a second and 5%.
            "GetSamplingRules": lambda _: {"SamplingRuleRecords": []},
            "GetSamplingTargets": self._get_targets,
        }

    async def start(self) -> str:
        """The daemon's address, for AWS_XRAY_DAEMON_ADDRESS."""
        return await self._daemon.start()

    async def close(self) -> None:
        """Stop the daemon."""
        self._daemon.close()

    @property
    def counts(self) -> TraceCounts:
        """Documents received, bad, dropped and lost."""
        self._store.counts.lost_datagrams = max(self._store.counts.lost_datagrams, self._daemon.lost_datagrams())
        return self._store.counts

    @property
    def kept_documents(self) -> int:
        """Segment documents that are kept, of all traces."""
        return self._store.document_count

    def add(self, document: bytes) -> bool:
        """Keep a segment document; False where it has no trace id."""
        return self._store.add(document)

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of one API operation, in boto3's shape."""
        handler = self._handlers.get(operation)
        if handler is None:
            raise AwsError("UnknownOperationException", f"xray:{operation} is not emulated.")
        return handler(request)

    def _put_segments(self, request: dict[str, Any]) -> dict[str, Any]:
        refused = {"ErrorCode": "MissingTraceId", "Message": "the document has no valid trace_id"}
        documents = request["TraceSegmentDocuments"]
        return {"UnprocessedTraceSegments": [refused for each in documents if not self._store.add(each.encode())]}

    def _get_traces(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request["TraceIds"]
        if len(wanted) > _TRACES_A_CALL:
            raise AwsError("InvalidRequestException", f"TraceIds has {len(wanted)} members: at most 5 are allowed.")
        traces, missing = [], []
        for trace_id in wanted:
            documents = self._store.documents(trace_id)
            if documents:
                traces.append(_show_trace(trace_id, documents, self._store.size_of(trace_id)))
            else:
                missing.append(trace_id)
        return {"Traces": traces, "UnprocessedTraceIds": missing}

    def _get_summaries(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("Sampling") or request.get("SamplingStrategy"):
            raise AwsError("InvalidRequestException", "Sampling of summaries is not emulated: leave it out.")
        expression = parse_filter(request["FilterExpression"]) if request.get("FilterExpression") else None
        start, end = request["StartTime"].timestamp(), request["EndTime"].timestamp()
        after = request.get("NextToken", "")
        summaries, passed, seen = [], not after, 0
        answer: dict[str, Any] = {}
        for trace_id in self._store.trace_ids():
            if not passed:
                passed = trace_id == after
                continue
            seen += 1
            if expression is not None and not self._store.may_hold(trace_id, expression.needles):
                continue
            documents = self._timed_documents(trace_id)
            if documents and start <= start_time(documents) <= end:
                summary = summarise_trace(trace_id, documents)
                if expression is None or expression.matches(summary):
                    summaries.append(summary)
            if len(summaries) == _SUMMARIES_A_PAGE:
                answer["NextToken"] = trace_id
                break
        return {**answer, "TraceSummaries": summaries, "TracesProcessedCount": seen, "ApproximateTime": _now()}

    def _get_service_graph(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("GroupName") or request.get("GroupARN"):
            raise AwsError("InvalidRequestException", "Groups of traces are not emulated: leave GroupName out.")
        start, end = request["StartTime"].timestamp(), request["EndTime"].timestamp()
        graph = ServiceGraph(self._identity.account_id)
        for trace_id in self._store.trace_ids():
            documents = self._timed_documents(trace_id)
            if documents and start <= start_time(documents) <= end:
                graph.add(documents)
        return {
            "StartTime": request["StartTime"],
            "EndTime": request["EndTime"],
            "Services": graph.describe(),
            "ContainsOldGroupVersions": False,
        }

    def _get_trace_graph(self, request: dict[str, Any]) -> dict[str, Any]:
        graph = ServiceGraph(self._identity.account_id)
        for trace_id in request["TraceIds"]:
            graph.add(self._timed_documents(trace_id))
        return {"Services": graph.describe()}

    def _timed_documents(self, trace_id: str) -> list[dict[str, Any]]:
        return [document for document in self._store.documents(trace_id) if "start_time" in document]

    def _get_targets(self, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "SamplingTargetDocuments": [],
            "LastRuleModification": datetime.fromtimestamp(0, UTC),
            "UnprocessedStatistics": [
                {"RuleName": each["RuleName"], "ErrorCode": "UnknownRule", "Message": "there are no sampling rules"}
                for each in request["SamplingStatisticsDocuments"]
            ],
        }


def _show_trace(trace_id: str, documents: list[dict[str, Any]], size_bytes: int) -> dict[str, Any]:
    timed = [document for document in documents if "start_time" in document]
    summary = summarise_trace(trace_id, timed) if timed else {"Duration": 0.0}
    return {
        "Id": trace_id,
        "Duration": summary["Duration"],
        # On AWS documents past the limit are gone; here they are kept, and the flag tells.
        "LimitExceeded": size_bytes > _TRACE_BYTES,
        "Segments": [{"Id": str(each.get("id", "")), "Document": json.dumps(each)} for each in documents],
    }


def _now() -> datetime:
    return datetime.now(UTC)
