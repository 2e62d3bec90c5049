"""Reads Retry and Catch."""

from typing import Any

from emulator.step_functions.failures import ALL
from emulator.step_functions.field_reader import ERROR_OUTPUT, FieldReader
from emulator.step_functions.model import Catcher
from emulator.step_functions.retry import Retrier

_RETRIER_FIELDS = frozenset(
    {
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
        "Comment",
    }
)
_CATCHER_FIELDS = {
    "JSONata": frozenset({"ErrorEquals", "Next", "Output", "Assign", "Comment"}),
    "JSONPath": frozenset({"ErrorEquals", "Next", "ResultPath", "Assign", "Comment"}),
}
_MAX_DELAY_LIMIT = 31_622_400


def read_retriers(state: FieldReader) -> tuple[Retrier, ...]:
    """The state's retriers in their order."""
    entries = _entries(state, "Retry")
    retriers = []
    for index, reader in enumerate(entries):
        reader.refuse_unknown(_RETRIER_FIELDS, {})
        error_equals = _error_equals(reader, is_last=index == len(entries) - 1)
        rate = reader.source.get("BackoffRate", 2.0)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 1:
            raise reader.problem("The field 'BackoffRate' must be a number of at least 1.0", "BackoffRate")
        jitter = reader.source.get("JitterStrategy", "NONE")
        if jitter not in ("FULL", "NONE"):
            raise reader.problem("The field 'JitterStrategy' should have one of these values: [FULL, NONE]")
        max_delay = None
        if "MaxDelaySeconds" in reader.source:
            max_delay = reader.integer("MaxDelaySeconds", 0, least=1, most=_MAX_DELAY_LIMIT - 1)
        retriers.append(
            Retrier(
                error_equals,
                interval_seconds=reader.integer("IntervalSeconds", 1, least=1),
                max_attempts=reader.integer("MaxAttempts", 3, least=0),
                backoff_rate=float(rate),
                max_delay_seconds=max_delay,
                full_jitter=jitter == "FULL",
            )
        )
    return tuple(retriers)


def read_catchers(state: FieldReader) -> tuple[Catcher, ...]:
    """The state's catchers in their order."""
    entries = _entries(state, "Catch")
    catchers = []
    for index, reader in enumerate(entries):
        reader.refuse_unknown(_CATCHER_FIELDS[state.language], {})
        catchers.append(
            Catcher(
                _error_equals(reader, is_last=index == len(entries) - 1),
                reader.required_text("Next"),
                output=reader.template("Output", ERROR_OUTPUT) if state.is_jsonata else None,
                assign=reader.assign(ERROR_OUTPUT),
                result_path=None if state.is_jsonata else reader.reference_path("ResultPath"),
            )
        )
    return tuple(catchers)


def _entries(state: FieldReader, name: str) -> list[FieldReader]:
    entries: Any = state.source.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise state.problem(f"The field '{name}' must be a list of objects", name)
    return [FieldReader(entry, f"{state.at(name)}[{i}]", state.language) for i, entry in enumerate(entries)]


def _error_equals(reader: FieldReader, *, is_last: bool) -> tuple[str, ...]:
    reader.require("ErrorEquals")
    names: Any = reader.source["ErrorEquals"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise reader.problem("The field 'ErrorEquals' must be a list of error names that is not empty", "ErrorEquals")
    # "States.ALL must appear alone, and in the last retrier or catcher."
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    if ALL in names and (len(names) > 1 or not is_last):
        raise reader.problem(f"'{ALL}' must appear alone and in the last entry", "ErrorEquals")
    return tuple(names)
