"""What a change set may ask for."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from emulator.errors import AwsError
from emulator.services.cloudformation.records import StackRecord
from emulator.stack import StackPlan, TemplateError

# A bucket in the host or in the path. https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_BUCKET_HOST = re.compile(r"(?P<bucket>.+)\.s3[.-][a-z0-9.-]+")


def refuse_unknown(request: dict[str, Any]) -> None:
    """Raises AwsError that names what of a CreateChangeSet is not carried out."""
    carried_out = {
        "StackName", "ChangeSetName", "ChangeSetType", "TemplateURL", "TemplateBody", "Parameters", "Tags", "RoleARN",
        "Capabilities", "ClientToken", "Description",
    }  # fmt: skip
    unknown = sorted(set(request) - carried_out)
    if any("UsePreviousValue" in item for item in request.get("Parameters", [])):
        unknown.append("UsePreviousValue")
    if request.get("ChangeSetType", "UPDATE") not in ("CREATE", "UPDATE"):
        unknown.append(f"ChangeSetType {request['ChangeSetType']}")
    if unknown:
        raise AwsError("NotImplemented", f"not implemented by this emulator: {', '.join(unknown)}", 501)
    if ("TemplateURL" in request) == ("TemplateBody" in request):
        raise AwsError("ValidationError", "Either Template URL or Template Body must be specified.")


def check_kind(record: StackRecord, kind: str) -> None:
    """Raises AwsError where the stack is not one for such a change set."""
    if kind == "CREATE" and record.status != "REVIEW_IN_PROGRESS":
        raise AwsError("ValidationError", f"Stack [{record.name}] already exists and cannot be created again.")
    if kind == "UPDATE" and record.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise AwsError("ValidationError", f"Stack:{record.arn} is in {record.status} state and can not be updated.")


def list_capabilities(plan: StackPlan) -> set[str]:
    """What has to be acknowledged before the stack is made."""
    has_identities = any(resource.resource_type.startswith("AWS::IAM::") for resource in plan.resources.values())
    return {"CAPABILITY_IAM"} if has_identities else set()


def parse_url(url: str) -> tuple[str, str]:
    """Bucket and key of a TemplateURL; raises TemplateError."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    found = _BUCKET_HOST.fullmatch(parts.hostname or "")
    bucket, key = (found["bucket"], path) if found else tuple(path.partition("/")[::2])
    if not bucket or not key:
        raise TemplateError(f"TemplateURL {url} names no object in S3")
    return bucket, key
