"""What statelint finds in a state machine, without what Step Functions takes all the same."""

import re
from typing import Any

from statelint.linter import Linter

# What statelint 3.1.0 refuses and Step Functions takes.
_ALLOWED_BY_AWS = (
    # "BackoffRate: must be greater than or equal to 1.0": a JSON number, so 2 is 2.0.
    # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    re.compile(r"\.BackoffRate is \d+ but should be a Float$"),
    # These take a JSONata expression where the query language is JSONata.
    # https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    re.compile(r'\.MaxConcurrency is "\{%.+%\}" but should be numeric$'),
    re.compile(r'\.Seconds is "\{%.+%\}" but should be an Integer$'),
    re.compile(r'\.TimeoutSeconds is "\{%.+%\}" but should be an Integer$'),
)


def find_grammar_problems(body: dict[str, Any]) -> list[str]:
    """Problems of statelint that are problems on AWS too."""
    problems: list[str] = Linter.validate(body)
    return [text for text in problems if not any(allowed.search(text) for allowed in _ALLOWED_BY_AWS)]
