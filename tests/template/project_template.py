"""Where the project's template is, and parameters with which it can be loaded."""

from pathlib import Path
from typing import Any

from emulator.identity import Identity
from emulator.stack import StackPlan, load_stack

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"

# A developer's machine: a database with a password, no VPC.
LOCAL = {
    "TenantGroup": "demo",
    "PartnerApiUrl": "http://127.0.0.1:8080",
    "DatabaseMode": "direct",
    "DatabaseHost": "127.0.0.1",
    "DatabaseAuth": "password",
    "DatabasePassword": "local",
    "DatabaseTls": "off",
    "MigrationUser": "",
    "Runtime": "python3.11",
    "Architecture": "x86_64",
}
_NETWORK = {
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "DatabaseSecurityGroupId": "sg-0123456789abcdef0",
}
# AWS, with a proxy that stacks share.
EXISTING_PROXY = {
    "TenantGroup": "demo",
    "PartnerApiUrl": "https://partner.example.com/v1",
    "DatabaseMode": "existing-proxy",
    "DatabaseHost": "shared.proxy-abc.us-east-1.rds.amazonaws.com",
    "DatabaseResourceId": "prx-0123456789abcdef0",
    **_NETWORK,
}
# AWS, with a proxy of the stack's own.
CREATE_PROXY = {
    "TenantGroup": "demo",
    "PartnerApiUrl": "https://partner.example.com/v1",
    "DatabaseMode": "create-proxy",
    "DatabaseInstanceIdentifier": "users",
    "DatabaseResourceId": "db-ABCDEFGHIJKL",
    **_NETWORK,
}


def plan_project(parameters: dict[str, Any], tmp_path: Path, region: str = "us-east-1") -> StackPlan:
    """The plan of the project's own template."""
    return load_stack(
        TEMPLATE, parameters, stack_name="express-batch-demo", identity=Identity(region=region), cache_dir=tmp_path
    )
