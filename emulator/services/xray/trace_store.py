"""Segment documents by trace, kept as the bytes they came in, within bounds."""

import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

_TRACE_ID = re.compile(rb'"trace_id"\s*:\s*"(1-[0-9a-f]{8}-[0-9a-f]{24})"')


@dataclass
class _StoredTrace:
    documents: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


@dataclass
class TraceCounts:
    """What came in and what had to go."""

    received: int = 0
    bad: int = 0
    dropped_traces: int = 0
    dropped_documents: int = 0
    lost_datagrams: int = 0  # that the system had no room for, as far as it tells


class TraceStore:
    """The newest traces; when there are too many, or they are too large, the oldest go as a whole."""

    def __init__(self, *, max_documents: int, max_bytes: int) -> None:
        self.counts = TraceCounts()
        self._max_documents = max_documents
        self._max_bytes = max_bytes
        self._traces: OrderedDict[str, _StoredTrace] = OrderedDict()
        self._documents = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def document_count(self) -> int:
        """Documents that are kept."""
        return self._documents

    @property
    def size_bytes(self) -> int:
        """Bytes of all documents that are kept."""
        return self._bytes

    def add(self, document: bytes) -> bool:
        """Keep a document by its trace id, which is all that is looked at; False where it has none."""
        match = _TRACE_ID.search(document)
        if match is None:
            self.counts.bad += 1
            return False
        self.counts.received += 1
        trace_id = match.group(1).decode()
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = _StoredTrace()
        trace.documents.append(document)
        trace.size_bytes += len(document)
        self._documents += 1
        self._bytes += len(document)
        while (self._documents > self._max_documents or self._bytes > self._max_bytes) and len(self._traces) > 1:
            self._drop_oldest()
        return True

    def trace_ids(self) -> list[str]:
        """All trace ids, the oldest first."""
        return list(self._traces)

    def size_of(self, trace_id: str) -> int:
        """Bytes of the documents of a trace, 0 for one that is not there."""
        trace = self._traces.get(trace_id)
        return 0 if trace is None else trace.size_bytes

    def may_hold(self, trace_id: str, needles: tuple[bytes, ...]) -> bool:
        """False where a text of `needles` is in none of the trace's documents, which are not parsed for that."""
        documents = self._traces[trace_id].documents
        return all(any(needle in document or b"\\u" in document for document in documents) for needle in needles)

    def documents(self, trace_id: str) -> list[dict[str, Any]]:
        """The parsed documents of a trace; those that are no JSON are counted as bad and left out."""
        trace = self._traces.get(trace_id)
        if trace is None:
            return []
        parsed = []
        good = []
        for document in trace.documents:
            try:
                value = json.loads(document)
            except ValueError:
                self.counts.bad += 1
                continue
            good.append(document)
            parsed.append(value)
        lost = len(trace.documents) - len(good)
        if lost:
            self._documents -= lost
            size = sum(len(document) for document in good)
            self._bytes -= trace.size_bytes - size
            trace.documents, trace.size_bytes = good, size
        return parsed

    def _drop_oldest(self) -> None:
        _, trace = self._traces.popitem(last=False)
        self._documents -= len(trace.documents)
        self._bytes -= trace.size_bytes
        self.counts.dropped_traces += 1
        self.counts.dropped_documents += len(trace.documents)
