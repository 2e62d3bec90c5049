"""Which fields each state type has in each query language.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from typing import Final

STATE_TYPES: Final = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
MACHINE_FIELDS: Final = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"})
BRANCH_FIELDS: Final = frozenset({"Comment", "StartAt", "States", "QueryLanguage"})
PROCESSOR_FIELDS: Final = BRANCH_FIELDS | {"ProcessorConfig"}

_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_TRANSITION = frozenset({"Next", "End"})
_GUARD = frozenset({"Retry", "Catch"})
_PATHS = frozenset({"InputPath", "OutputPath"})
_RESULT = frozenset({"Parameters", "ResultSelector", "ResultPath"})
_RESHAPE = frozenset({"Output", "Assign"})
_DISTRIBUTED_MAP = frozenset(
    {
        "ItemReader",
        "ItemBatcher",
        "ResultWriter",
        "Label",
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
    }
)
_MAP = frozenset({"ItemProcessor", "Iterator", "ItemSelector", "MaxConcurrency"}) | _DISTRIBUTED_MAP

_JSONATA: Final = {
    "Task": _TRANSITION
    | _GUARD
    | _RESHAPE
    | {"Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds", "Credentials"},
    "Wait": _TRANSITION | _RESHAPE | {"Seconds", "Timestamp"},
    "Pass": _TRANSITION | _RESHAPE,
    "Succeed": frozenset({"Output"}),
    "Fail": frozenset({"Error", "Cause"}),
    "Choice": _RESHAPE | {"Choices", "Default"},
    "Parallel": _TRANSITION | _GUARD | _RESHAPE | {"Branches", "Arguments"},
    "Map": _TRANSITION | _GUARD | _RESHAPE | _MAP | {"Items"},
}
_JSONPATH: Final = {
    "Task": _TRANSITION
    | _GUARD
    | _PATHS
    | _RESULT
    | {"Assign", "Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"}
    | {"Credentials"},
    "Wait": _TRANSITION | _PATHS | {"Assign", "Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Pass": _TRANSITION | _PATHS | {"Assign", "Result", "ResultPath", "Parameters"},
    "Succeed": _PATHS,
    "Fail": frozenset({"Error", "ErrorPath", "Cause", "CausePath"}),
    "Choice": _PATHS | {"Assign", "Choices", "Default"},
    "Parallel": _TRANSITION | _GUARD | _PATHS | _RESULT | {"Assign", "Branches"},
    "Map": _TRANSITION | _GUARD | _PATHS | _RESULT | _MAP | {"Assign", "ItemsPath", "MaxConcurrencyPath"},
}
ALLOWED: Final = {
    language: {kind: fields | _COMMON for kind, fields in table.items()}
    for language, table in (("JSONata", _JSONATA), ("JSONPath", _JSONPATH))
}
NOT_IMPLEMENTED: Final = {
    **dict.fromkeys(_DISTRIBUTED_MAP, "a field of the Distributed Map"),
    "Credentials": "cross-account access",
}
