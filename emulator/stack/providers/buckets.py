"""S3 buckets."""

from collections.abc import Mapping
from typing import Any, ClassVar

from emulator.stack.aws_caller import AwsCaller
from emulator.stack.errors import TemplateError
from emulator.stack.providers.base import Made, Request
from emulator.stack.shapes import shape_parameters

# us-east-1 is S3's default, and the one region that CreateBucket does not take as a constraint.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
_DEFAULT_REGION = "us-east-1"


class BucketProvider:
    """AWS::S3::Bucket."""

    properties: ClassVar[frozenset[str]] = frozenset(
        {
            "BucketEncryption", "BucketName", "LifecycleConfiguration", "OwnershipControls",
            "PublicAccessBlockConfiguration", "Tags", "VersioningConfiguration",
        }
    )  # fmt: skip
    left_out: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[frozenset[str]] = frozenset({"Arn", "DomainName", "RegionalDomainName"})

    async def create(self, request: Request, aws: AwsCaller) -> Made:
        """The bucket with its settings."""
        given, region = request.properties, request.identity.region
        name = str(given.get("BucketName", request.physical_name))
        place = {} if region == _DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await aws.call("s3", "CreateBucket", Bucket=name, **place)
        for operation, parameters in _list_settings(request):
            shaped = shape_parameters("s3", operation, parameters, request.logical_id)
            await aws.call("s3", operation, Bucket=name, **shaped)
        attributes = {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        }
        return Made(name, attributes)

    async def delete(self, made: Made, aws: AwsCaller, *, purge: bool) -> None:
        """Remove the bucket; S3 refuses one that holds objects, unless they are to be purged."""
        if purge:
            await _remove_objects(made.physical_id, aws)
        await aws.call("s3", "DeleteBucket", Bucket=made.physical_id)


def _list_settings(request: Request) -> list[tuple[str, dict[str, Any]]]:
    """Each setting as the operation that makes it; the API has other words for some than the template."""
    given = request.properties
    settings: list[tuple[str, dict[str, Any]]] = []
    if "BucketEncryption" in given:
        rules = [
            {
                "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault", {}),
                **({"BucketKeyEnabled": rule["BucketKeyEnabled"]} if "BucketKeyEnabled" in rule else {}),
            }
            for rule in given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
        settings.append(("PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}}))
    if "PublicAccessBlockConfiguration" in given:
        block = given["PublicAccessBlockConfiguration"]
        settings.append(("PutPublicAccessBlock", {"PublicAccessBlockConfiguration": block}))
    if "OwnershipControls" in given:
        settings.append(("PutBucketOwnershipControls", {"OwnershipControls": given["OwnershipControls"]}))
    if "VersioningConfiguration" in given:
        versioning = given["VersioningConfiguration"]
        settings.append(("PutBucketVersioning", {"VersioningConfiguration": versioning}))
    if "LifecycleConfiguration" in given:
        rules = [_to_lifecycle_rule(rule, request) for rule in given["LifecycleConfiguration"]["Rules"]]
        settings.append(("PutBucketLifecycleConfiguration", {"LifecycleConfiguration": {"Rules": rules}}))
    if "Tags" in given:
        settings.append(("PutBucketTagging", {"Tagging": {"TagSet": given["Tags"]}}))
    return settings


def _to_lifecycle_rule(rule: Mapping[str, Any], request: Request) -> dict[str, Any]:
    shaped: dict[str, Any] = {"Filter": {"Prefix": rule.get("Prefix", "")}}
    for name, value in rule.items():
        if name == "Id":
            shaped["ID"] = value
        elif name == "ExpirationInDays":
            shaped["Expiration"] = {"Days": value}
        elif name in {"Status", "AbortIncompleteMultipartUpload"}:
            shaped[name] = value
        elif name != "Prefix":
            raise TemplateError(f"{request.where('LifecycleConfiguration')}: {name} of a rule is not emulated")
    return shaped


async def _remove_objects(bucket: str, aws: AwsCaller) -> None:
    while True:
        page = await aws.call("s3", "ListObjectVersions", Bucket=bucket)
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            return
        doomed = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        await aws.call("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
