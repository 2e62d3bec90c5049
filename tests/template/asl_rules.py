"""What a state machine has to keep to beyond its grammar: the limits that Step Functions enforces only at run time.

    python -m tests.template.asl_rules template.yaml

prints one line for each finding, those of statelint included, and exits with 1 if there is one. Limits:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.template.asl_definitions import SUBSTITUTION, Definition, State, list_states, read_definitions
from tests.template.asl_grammar import find_grammar_problems

ERRORS_MODULE = Path(__file__).resolve().parents[2] / "layers/batch/express_batch/errors.py"

_INLINE_MAP_CONCURRENCY = 40
_EXPRESS_SECONDS = 300
# What Step Functions, Lambda and the runtime call their errors; anything else has to be a class of the batch.
# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_SERVICE_ERROR = re.compile(
    r"States\.(ALL|TaskFailed|Timeout|HeartbeatTimeout|Permissions|QueryEvaluationError|DataLimitExceeded|Runtime"
    r"|ExceedToleratedFailureThreshold|ItemReaderFailed|ResultWriterFailed|BranchFailed|NoChoiceMatched)"
    r"|(Lambda|S3|Kinesis|Sfn|CloudFormation)\.[A-Z][A-Za-z]+|Sandbox\.Timedout|Runtime\.[A-Z][A-Za-z]+"
)
_EXPRESSION = re.compile(r"\{%\s*(.+?)\s*%\}", re.DOTALL)
_SUM = re.compile(r"\$\{([A-Za-z0-9_]+)\}(?:\s*\+\s*(\d+))?")
# What an iteration may hand on of its result: one count out of a function's answer, and the sum of such counts.
_COUNT = re.compile(r"\{% \$states\.input\.synced %\}|\{% \$sum\(\[\$states\.result\.synced\]\) %\}")


@dataclass(frozen=True)
class Finding:
    """A rule that a state machine breaks, and where."""

    place: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}: {self.message}"


def check_definition(
    definition: Definition, error_classes: frozenset[str], base_classes: frozenset[str]
) -> list[Finding]:
    """Every rule that the definition breaks, and every problem of its grammar."""
    try:
        body = definition.body
    except json.JSONDecodeError as error:
        return [Finding(definition.logical_id, "valid-json", f"not JSON as it stands in the repository: {error}")]
    grammar = [Finding(definition.logical_id, "grammar", problem) for problem in find_grammar_problems(body)]
    findings = [*grammar, *_check_substitutions(definition), *_check_machine(definition, body)]
    for state in list_states(body):
        place = f"{definition.logical_id}/{state.path}"
        found = [
            *_check_concurrency(state, definition),
            *_check_service_integration(state, definition),
            *_check_timeout(state, definition),
            *_check_retriers(state),
            *_check_error_names(state, error_classes, base_classes),
            *_check_size(state),
        ]
        findings += [Finding(place, rule, message) for rule, message in found]
    return findings


def read_error_classes(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the exception classes in the module that can be raised (leaves), and of those that have subclasses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    bases = {base.id for node in classes for base in node.bases if isinstance(base, ast.Name)}
    names = {node.name for node in classes}
    return frozenset(names - bases), frozenset(names & bases)


def _check_substitutions(definition: Definition) -> Iterator[Finding]:
    used = set(SUBSTITUTION.findall(definition.text))
    for name in sorted(used - definition.substitutions):
        yield Finding(definition.logical_id, "undefined-substitution", f"${{{name}}} is not in DefinitionSubstitutions")
    for name in sorted(definition.substitutions - used):
        yield Finding(definition.logical_id, "unused-substitution", f"{name} of DefinitionSubstitutions is never used")


def _check_machine(definition: Definition, body: dict[str, Any]) -> Iterator[Finding]:
    seconds = body.get("TimeoutSeconds")
    if not isinstance(seconds, int):
        yield Finding(definition.logical_id, "timeout", "the machine has no TimeoutSeconds")
    elif definition.is_express and seconds > _EXPRESS_SECONDS:
        yield Finding(
            definition.logical_id, "timeout", f"TimeoutSeconds {seconds} is over the {_EXPRESS_SECONDS} of Express"
        )


def _check_concurrency(state: State, definition: Definition) -> Iterator[tuple[str, str]]:
    if state.body.get("Type") != "Map":
        return
    processor = state.body.get("ItemProcessor") or state.body.get("Iterator") or {}
    if processor.get("ProcessorConfig", {}).get("Mode", "INLINE") == "DISTRIBUTED":
        if definition.is_express:
            yield "distributed-map", "an Express workflow cannot have a Distributed Map"
        return
    given = state.body.get("MaxConcurrency")
    greatest = _find_greatest(given, definition)
    if greatest is None:
        yield (
            "map-concurrency",
            f"MaxConcurrency {given!r} is no number nor a substitution whose parameter has a MaxValue",
        )
    elif not 1 <= greatest <= _INLINE_MAP_CONCURRENCY:
        yield (
            "map-concurrency",
            f"MaxConcurrency may be {greatest:.0f}; an inline Map runs {_INLINE_MAP_CONCURRENCY} at most",
        )


def _check_service_integration(state: State, definition: Definition) -> Iterator[tuple[str, str]]:
    resource = str(state.body.get("Resource", ""))
    if not definition.is_express:
        return
    for pattern in (".sync", ".waitForTaskToken"):
        if resource.endswith(pattern) or f"{pattern}:" in resource:
            yield "integration", f"{resource}: an Express workflow cannot use {pattern}"
    if ":activity:" in resource:
        yield "integration", f"{resource}: an Express workflow cannot use activities"


def _check_timeout(state: State, definition: Definition) -> Iterator[tuple[str, str]]:
    if state.body.get("Type") != "Task":
        return
    given = state.body.get("TimeoutSeconds", state.body.get("TimeoutSecondsPath"))
    if given is None:
        yield "timeout", "the task has no TimeoutSeconds: it could wait as long as the machine may run"
        return
    greatest = _find_greatest(given, definition)
    if greatest is not None and definition.is_express and greatest > _EXPRESS_SECONDS:
        yield "timeout", f"TimeoutSeconds may be {greatest:.0f}, over the {_EXPRESS_SECONDS} of an Express workflow"


def _check_retriers(state: State) -> Iterator[tuple[str, str]]:
    for index, retrier in enumerate(state.body.get("Retry", [])):
        if "States.ALL" in retrier.get("ErrorEquals", []) and "States.ALL" not in str(state.body.get("Comment", "")):
            yield "retry", f"Retry[{index}] repeats on States.ALL: name the errors, or say why in the state's Comment"
        if retrier.get("JitterStrategy") != "FULL":
            yield "retry", f"Retry[{index}] has no JitterStrategy FULL: many slices would come back at the same moment"
        for name in ("MaxDelaySeconds", "MaxAttempts"):
            if name not in retrier:
                yield "retry", f"Retry[{index}] has no {name}"


def _check_error_names(
    state: State, error_classes: frozenset[str], base_classes: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for handler in [*state.body.get("Retry", []), *state.body.get("Catch", [])]:
        for name in handler.get("ErrorEquals", []):
            if name in base_classes:
                yield "error-name", f"{name} has subclasses: an error is matched by the exact name of its class"
            elif name not in error_classes and not _SERVICE_ERROR.fullmatch(name):
                yield "error-name", f"{name} is no error of a service and no class of {ERRORS_MODULE.name}"


def _check_size(state: State) -> Iterator[tuple[str, str]]:
    """A payload holds 256 KiB: what an iteration returns is multiplied by their number."""
    body = state.body
    if body.get("Type") == "Map" and "Output" not in body and body.get("ResultPath", "") is not None:
        yield "payload-size", "the Map hands on the results of all iterations: give it an Output"
    ends = body.get("End") or body.get("Type") == "Succeed"
    if state.is_in_map and ends and body.get("ResultPath", "") is not None:
        output = json.dumps(body["Output"]) if "Output" in body else "$states.result"
        output = _COUNT.sub("", output)
        if "$states.result" in output or "$states.input" in output:
            yield "payload-size", "ends an iteration and hands on its result or input: give it a small Output"


def _find_greatest(value: Any, definition: Definition) -> float | None:
    """The greatest number that a literal or `{% ${Name} + 5 %}` can become; None if that cannot be told."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    expression = _EXPRESSION.fullmatch(value) if isinstance(value, str) else None
    found = _SUM.fullmatch(expression.group(1)) if expression else None
    if found is None or found.group(1) not in definition.greatest:
        return None
    return definition.greatest[found.group(1)] + float(found.group(2) or 0)


def main(template_path: str) -> int:
    """Prints the findings of every state machine of the template; 1 if there are any."""
    leaves, bases = read_error_classes(ERRORS_MODULE)
    findings = [
        finding
        for definition in read_definitions(Path(template_path))
        for finding in check_definition(definition, leaves, bases)
    ]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
