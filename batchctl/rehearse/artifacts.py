"""Build and package: what `sam build`, `sam package` and the upload of the template do in the pipeline."""

import hashlib
import json
from pathlib import Path

from emulator.stack import AwsCaller, package_template

BUCKET = "express-batch-artifacts"


async def package_artifacts(template: Path, cache_dir: Path, aws: AwsCaller) -> str:
    """Build all code, upload it with the template to the artifact bucket; the template's URL.

    Raises StackError and AwsError.
    """
    body, contents = await package_template(template, BUCKET, cache_dir)
    text = json.dumps(body).encode()
    key = f"templates/{hashlib.sha256(text).hexdigest()[:40]}.yaml"
    await aws.call("s3", "CreateBucket", Bucket=BUCKET)
    for name, content in {**contents, key: text}.items():
        await aws.call("s3", "PutObject", Bucket=BUCKET, Key=name, Body=content)
    return f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{key}"
