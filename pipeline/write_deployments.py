"""What DeployGroup is started with, a file a group: python -m pipeline.write_deployments GROUPS BUCKET_PREFIX.

GROUPS is the file of `batchctl groups list --json`. For each region there is packaged-<region>.yaml, for each group its
rendered configuration; deployments/<group>.json is written. Printed is what has to be uploaded before one of them is
used, a line for each region: region, file and address.
"""

import hashlib
import json
import sys
from pathlib import Path

from batchctl.groups.deployment_file import make_deployment

CONFIGURATIONS = Path("pipeline/rendered/configurations")
DEPLOYMENTS = Path("deployments")


def make_template_key(template: bytes) -> str:
    """The key of a packaged template: by its content, so that one that is there is never another."""
    return f"templates/{hashlib.sha256(template).hexdigest()[:40]}.yaml"


def main(arguments: list[str]) -> int:
    """Write the deployments and print what has to be uploaded; status 1 and one line where something is missing."""
    listed, prefix = arguments
    try:
        groups = json.loads(Path(listed).read_text(encoding="utf-8"))
        keys = {}
        for region in sorted({group["region"] for group in groups}):
            packaged = Path(f"packaged-{region}.yaml")
            keys[region] = make_template_key(packaged.read_bytes())
            print(region, packaged, f"s3://{prefix}-{region}/{keys[region]}")
        DEPLOYMENTS.mkdir(exist_ok=True)
        for group in groups:
            name, region = group["group"], group["region"]
            configuration = json.loads((CONFIGURATIONS / f"{name}.json").read_text(encoding="utf-8"))
            url = f"https://{prefix}-{region}.s3.{region}.amazonaws.com/{keys[region]}"
            deployment = make_deployment(name, group["stack"], configuration["Parameters"], configuration["Tags"], url)
            text = json.dumps(deployment, indent=2, ensure_ascii=False)
            (DEPLOYMENTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    except FileNotFoundError as error:
        print(f"error: {error.filename} does not exist", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
