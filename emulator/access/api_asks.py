"""Which permission an API call needs, by the names that boto3 uses.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import re
from collections.abc import Mapping
from typing import Any

from emulator.access.ask import Ask
from emulator.identity import Identity

# Prefixes of actions where they differ from the name in a signature.
_PREFIXES = {"monitoring": "cloudwatch", "stepfunctions": "states", "sfn": "states"}
_S3_ACTIONS = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket", "ListObjects": "ListBucket"}
# An alias or a version is started by the permission for its state machine.
# https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html
_MACHINE = re.compile(r"(arn:[^:]+:states:[^:]*:[^:]*:stateMachine:[^:]+):[^:]+")
# Actions that AWS lets nobody narrow to a resource.
_WITHOUT_RESOURCE = frozenset({"xray", "cloudwatch"})


def find_api_ask(service: str, operation: str, request: Mapping[str, Any], identity: Identity) -> Ask:
    """What must be allowed for `operation` of `service` with this request, in boto3's shape."""
    if service == "s3":
        name = _S3_ACTIONS.get(operation, operation)
        arn = f"arn:aws:s3:::{request.get('Bucket', '')}"
        return Ask(f"s3:{name}", f"{arn}/{request['Key']}" if "Key" in request else arn, _listing(request))
    prefix = _PREFIXES.get(service, service)
    name = "InvokeFunction" if (service, operation) == ("lambda", "Invoke") else operation
    action = f"{prefix}:{name}"
    if prefix in _WITHOUT_RESOURCE:
        return Ask(action, "*")
    return Ask(action, _find_resource(prefix, request, identity))


def _find_resource(prefix: str, request: Mapping[str, Any], identity: Identity) -> str:
    for name, value in request.items():
        if name.lower().endswith("arn") and name.lower() != "rolearn" and isinstance(value, str):
            return _MACHINE.sub(r"\1", value)
    if "FunctionName" in request:
        return _function_arn(str(request["FunctionName"]), request.get("Qualifier"), identity)
    if "QueueUrl" in request:
        return identity.arn("sqs", str(request["QueueUrl"]).rpartition("/")[2])
    if "StackName" in request:
        stack = str(request["StackName"])
        return stack if stack.startswith("arn:") else identity.arn("cloudformation", f"stack/{stack}/emulated")
    for name, kind in (("StreamName", "stream/"), ("TableName", "table/"), ("logGroupName", "log-group:")):
        if name in request:
            named = str(request[name])
            arn = named if named.startswith("arn:") else identity.arn(prefix, f"{kind}{named}")
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-specific-table-indexes.html
            return f"{arn}/index/{request['IndexName']}" if "IndexName" in request else arn
    return "*"


def _listing(request: Mapping[str, Any]) -> dict[str, str]:
    return {"s3:prefix": str(request["Prefix"])} if "Prefix" in request else {}


def _function_arn(function: str, qualifier: object, identity: Identity) -> str:
    arn = function if function.startswith("arn:") else identity.arn("lambda", f"function:{function}")
    return f"{arn}:{qualifier}" if qualifier else arn
