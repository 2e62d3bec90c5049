"""What GetTraceSummaries says of a trace, computed from its documents."""

from datetime import UTC, datetime
from typing import Any

from emulator.services.xray.service_graph import services_of
from emulator.services.xray.trace_tree import walk


def start_time(documents: list[dict[str, Any]]) -> float:
    """When the trace's first segment began."""
    return min(float(document["start_time"]) for document in documents if "start_time" in document)


def summarise_trace(trace_id: str, documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Duration, flags and annotations over all segments and subsegments of a trace.

    Source: https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html
    """
    started = start_time(documents)
    ended = max(float(each.get("end_time", each.get("start_time", started))) for each in documents)
    roots = [each for each in documents if "parent_id" not in each]
    root_end = max((float(each.get("end_time", started)) for each in roots), default=ended)
    everything = [part for document in documents for part in walk(document)]
    return {
        "Id": trace_id,
        "StartTime": datetime.fromtimestamp(started, UTC),
        "Duration": round(ended - started, 6),
        "ResponseTime": round(root_end - started, 6),
        "HasFault": any(part.get("fault") for part in everything),
        "HasError": any(part.get("error") for part in everything),
        "HasThrottle": any(part.get("throttle") for part in everything),
        "IsPartial": any(document.get("in_progress") for document in documents),
        "Annotations": _collect_annotations(everything),
        "ServiceIds": [{"Name": name, "Names": [name], "Type": kind} for name, kind in services_of(documents)],
    }


def _collect_annotations(parts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        for name, value in (part.get("annotations") or {}).items():
            shown = {"AnnotationValue": _show_value(value)}
            if shown not in found.setdefault(name, []):
                found[name].append(shown)
    return found


def _show_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BooleanValue": value}
    if isinstance(value, int | float):
        return {"NumberValue": float(value)}
    return {"StringValue": str(value)}
