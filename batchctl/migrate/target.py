"""Which database a command means: one given by its address, or a tenant group's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import BotoCoreError

from batchctl.database_url import DatabaseUrl
from batchctl.errors import BatchctlError, UsageError
from batchctl.migrate.connection import DatabaseTarget
from batchctl.project_tree import TEMPLATE, TENANT_GROUPS
from emulator.stack import read_tenant_group
from emulator.stack.template_file import read_template

MIGRATION_USER = "express_batch_migrator"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def make_url_target(address: DatabaseUrl, ca_file: Path | None = None) -> DatabaseTarget:
    """The database of --database-url. TLS is verified, except to this machine itself."""
    return DatabaseTarget(
        host=address.host,
        port=address.port,
        name=address.name,
        user=address.user,
        make_password=lambda: address.password,
        verifies_tls=address.host not in _LOOPBACK,
        ca_file=str(ca_file) if ca_file else None,
    )


def make_group_target(
    group: str, *, host: str | None = None, user: str | None = None, ca_file: Path | None = None
) -> DatabaseTarget:
    """The database of a tenant group's file, its migrating user by an IAM token.

    Raises UnknownTenantGroupError, and UsageError where the file does not say enough.
    """
    given = read_tenant_group(group, TENANT_GROUPS)
    declared = read_template(TEMPLATE)["Parameters"]
    parameters = {name: str(rules["Default"]) for name, rules in declared.items() if "Default" in rules} | given
    host = host or parameters["DatabaseHost"]
    if not host:
        raise UsageError(
            f"tenant group {group}: its file names no DatabaseHost; give --host, "
            "the output DatabaseEndpoint of its stack"
        )
    target = DatabaseTarget(
        host=host,
        port=int(parameters["DatabasePort"]),
        name=parameters["DatabaseName"],
        user=user or parameters.get("MigrationUser") or MIGRATION_USER,
        make_password=lambda: "",
        verifies_tls=parameters["DatabaseTls"] == "verify",
        ca_file=str(ca_file) if ca_file else None,
    )
    if parameters["DatabaseAuth"] == "password":
        password = parameters["DatabasePassword"]
        return replace(target, user=user or parameters["DatabaseUser"], make_password=lambda: password)
    region = _read_region(TENANT_GROUPS / f"{group}.yaml")
    return replace(target, make_password=lambda: make_token(target, region))


def make_token(target: DatabaseTarget, region: str | None) -> str:
    """A token of 15 minutes, signed on this machine with the credentials that the AWS CLI would use.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.Python.html
    Raises BatchctlError without credentials or region.
    """
    try:
        client: Any = boto3.Session().client("rds", region_name=region)
        token: str = client.generate_db_auth_token(DBHostname=target.host, Port=target.port, DBUsername=target.user)
    except (BotoCoreError, AttributeError) as error:  # without credentials the signer meets None
        raise BatchctlError(
            f"no token for {target.user} at {target.host}: {error}: log in (aws sso login, AWS_PROFILE) and name "
            "the region in the group's file or in AWS_REGION"
        ) from error
    return token


def _read_region(path: Path) -> str | None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    region = content.get("region") if isinstance(content, dict) else None
    return str(region) if region else None
