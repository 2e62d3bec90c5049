"""Gives the pipeline an artifact store in each region that has a group."""

from collections.abc import Sequence
from typing import Any


def add_artifact_stores(template: dict[str, Any], pipeline: str, regions: Sequence[str]) -> None:
    """Turn the pipeline's ArtifactStore into ArtifactStores: the home region's own, and one by parameters elsewhere.

    An action in another region takes its artifacts from a bucket there, into which CodePipeline copies them. Where the
    pipeline is deployed is known only then, so the home region's entry is left out by a condition. A base template that
    has ArtifactStores keeps them.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-codepipeline-pipeline-artifactstoremap.html
    """
    properties = template["Resources"][pipeline]["Properties"]
    home = properties.pop("ArtifactStore", None)
    if home is None:
        return
    stores: list[dict[str, Any]] = [{"Region": {"Ref": "AWS::Region"}, "ArtifactStore": home}]
    for region in regions:
        suffix = _camel(region)
        bucket, key, condition = f"ArtifactBucket{suffix}", f"ArtifactKeyArn{suffix}", f"IsAwayFrom{suffix}"
        template["Parameters"] |= {
            bucket: {
                "Type": "String",
                "Description": f"Bucket of the artifacts in {region}; empty where the pipeline itself is there.",
                "Default": "",
                "AllowedPattern": "^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
                "ConstraintDescription": "the name of a bucket, or empty",
            },
            key: {
                "Type": "String",
                # An alias would do in this account alone.
                "Description": f"KMS key of that bucket in {region}; empty where the pipeline itself is there.",
                "Default": "",
                "AllowedPattern": "^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$",
                "ConstraintDescription": "the ARN of a KMS key, or empty",
            },
        }
        template["Conditions"][condition] = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, region]}]}
        store = {
            "Type": "S3",
            "Location": {"Ref": bucket},
            "EncryptionKey": {"Type": "KMS", "Id": {"Ref": key}},
        }
        entry = {"Region": region, "ArtifactStore": store}
        stores.append({"Fn::If": [condition, entry, {"Ref": "AWS::NoValue"}]})
    properties["ArtifactStores"] = stores


def _camel(region: str) -> str:
    return "".join(part.capitalize() for part in region.split("-"))
