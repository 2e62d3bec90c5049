"""How the documents of one trace hang together."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]


def walk(document: Document) -> list[Document]:
    """The document and all that is nested in it."""
    parts = [document]
    for part in parts:  # grows while it is walked: breadth first, without recursion on outside data
        parts.extend(part.get("subsegments") or ())
    return parts


def is_segment(document: Document) -> bool:
    """Whether it is the work of a service, not a part of it that was sent by itself."""
    return document.get("type") != "subsegment"


class TraceTree:
    """The segments of a trace, and which of them every subsegment belongs to."""

    def __init__(self, documents: list[Document]) -> None:
        complete = [document for document in documents if "id" in document and "start_time" in document]
        self.segments: dict[str, Document] = {each["id"]: each for each in complete if is_segment(each)}
        self._subsegments: list[Document] = []
        self._parents: dict[str, str] = {}
        for document in complete:
            if not is_segment(document):
                self._parents[document["id"]] = str(document.get("parent_id", ""))
                self._subsegments.append(document)
            for outer in walk(document):
                for part in outer.get("subsegments") or ():
                    self._parents[str(part.get("id", ""))] = str(outer.get("id", ""))
                    self._subsegments.append(part)

    def owner(self, identifier: str) -> Document | None:
        """The segment that `identifier` is, or is a part of."""
        seen: set[str] = set()
        while identifier not in self.segments:
            if identifier in seen or identifier not in self._parents:
                return None
            seen.add(identifier)
            identifier = self._parents[identifier]
        return self.segments[identifier]

    def calls_without_segment(self) -> Iterator[tuple[Document, Document]]:
        """Calls of services that sent no segment of their own, each with its caller."""
        answered = {segment.get("parent_id") for segment in self.segments.values()}
        for part in self._subsegments:
            if part.get("namespace") in ("aws", "remote") and "start_time" in part and part.get("id") not in answered:
                caller = self.owner(str(part.get("id", "")))
                if caller is not None:
                    yield caller, part
