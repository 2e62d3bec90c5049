"""Reads a Map state: inline mode only."""

from collections.abc import Callable
from typing import Any

from emulator.step_functions.document import encode_json
from emulator.step_functions.failures import QUERY_EVALUATION_ERROR, RUNTIME, EvaluationError
from emulator.step_functions.field_reader import FieldReader, invalid_path
from emulator.step_functions.guard_fields import read_catchers, read_retriers
from emulator.step_functions.jsonata_expressions import is_expression
from emulator.step_functions.jsonpath import PathNotFoundError
from emulator.step_functions.model import Branch, MapState
from emulator.step_functions.scope import Scope
from emulator.step_functions.state_fields import PROCESSOR_FIELDS
from emulator.step_functions.templates import Evaluate

ReadInner = Callable[[Any, str, FieldReader, frozenset[str]], Branch]
_PROCESSOR_CONFIG_FIELDS = frozenset({"Mode", "ExecutionType"})


def read_map(name: str, reader: FieldReader, machine_type: str, read_inner: ReadInner) -> MapState:
    """The Map state; raises DefinitionError, for a distributed one in words that name it.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
    """
    given = [field for field in ("ItemProcessor", "Iterator") if field in reader.source]
    if len(given) != 1:
        raise reader.problem("These fields are required: [ItemProcessor]")
    processor_field = given[0]
    processor = reader.source[processor_field]
    if isinstance(processor, dict):
        _refuse_distributed(processor, reader, processor_field, machine_type)
    selector_field = "ItemSelector"
    if "Parameters" in reader.source:  # the deprecated name of ItemSelector
        if "ItemSelector" in reader.source:
            raise reader.problem("You cannot specify both 'ItemSelector' and 'Parameters'")
        selector_field = "Parameters"
    return MapState(
        name,
        reader.language,
        retriers=read_retriers(reader),
        catchers=read_catchers(reader),
        processor=read_inner(processor, reader.at(processor_field), reader, PROCESSOR_FIELDS),
        items=_read_items(reader),
        item_selector=reader.template(selector_field),
        max_concurrency=reader.whole_number("MaxConcurrency", least=0),
    )


def _refuse_distributed(processor: dict[str, Any], reader: FieldReader, field: str, machine_type: str) -> None:
    config = processor.get("ProcessorConfig", {})
    inner = FieldReader(config if isinstance(config, dict) else {}, f"{reader.at(field)}/ProcessorConfig", "JSONPath")
    if not isinstance(config, dict):
        raise inner.problem("The field 'ProcessorConfig' must be an object")
    inner.refuse_unknown(_PROCESSOR_CONFIG_FIELDS, {})
    mode = config.get("Mode", "INLINE")
    if mode == "DISTRIBUTED" and machine_type == "EXPRESS":
        # "Distributed mode is supported in Standard workflows but not supported in Express workflows."
        # Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
        raise inner.problem("Express state machine does not support Map state in Distributed mode", "Mode")
    if mode == "DISTRIBUTED":
        raise inner.problem("not implemented by this emulator: the Distributed Map (Mode DISTRIBUTED)", "Mode")
    if mode != "INLINE":
        raise inner.problem("The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]", "Mode")
    if "ExecutionType" in config:
        raise inner.problem("The field 'ExecutionType' is only supported in Mode DISTRIBUTED", "ExecutionType")


def _read_items(reader: FieldReader) -> Evaluate:
    if not reader.is_jsonata:
        path = reader.path("ItemsPath")
        if path is None:
            raise reader.problem("The field 'ItemsPath' must not be null", "ItemsPath")

        def read_path(scope: Scope) -> list[Any]:
            try:
                return _require_list(path.read(scope), RUNTIME)
            except PathNotFoundError as error:
                raise invalid_path(path) from error

        return read_path
    if "Items" not in reader.source:
        return lambda scope: _require_list(scope.input, QUERY_EVALUATION_ERROR)
    items = reader.source["Items"]
    if isinstance(items, str) and is_expression(items):
        expression = reader.expression("Items")

        def evaluate_items(scope: Scope) -> list[Any]:
            value = expression.evaluate(scope.bindings)
            if not isinstance(value, list):
                raise expression.unexpected_type("array", value)
            return value

        return evaluate_items
    if not isinstance(items, list):
        raise reader.problem("The field 'Items' must be an array or a JSONata expression", "Items")
    template = reader.template("Items")
    assert template is not None
    return template.evaluate


def _require_list(value: Any, error: str) -> list[Any]:
    if not isinstance(value, list):
        raise EvaluationError(error, f"Map state input must be an array but was: {encode_json(value)}")
    return value
