"""Build and package: what `sam build` and `sam package` do in the pipeline, on this machine."""

from collections.abc import Mapping

from emulator.stack import AwsCaller, StackPlan

BUCKET = "express-batch-artifacts"


async def package_artifacts(plan: StackPlan, aws: AwsCaller) -> Mapping[str, int]:
    """Build all code and upload it to the artifact bucket; {key: bytes}. Raises ArtifactError and AwsError."""
    contents = await plan.build()
    await aws.call("s3", "CreateBucket", Bucket=BUCKET)
    for key, content in contents.items():
        await aws.call("s3", "PutObject", Bucket=BUCKET, Key=key, Body=content)
    return {key: len(content) for key, content in contents.items()}
