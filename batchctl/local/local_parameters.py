"""The parameters of template.yaml that are this machine's and not the tenant group's."""

import platform
import sys

from batchctl.database_url import DatabaseUrl


def make_local_parameters(
    database: DatabaseUrl, partner_api_url: str, *, tracing: bool = True, migrates: bool = False
) -> dict[str, str]:
    """A database reached directly with a password, the stand-in API, and the Python that is really here.

    `migrates`: with MigrateSchema in the stack. batchctl applies the steps itself, so a run is spared its two layers.
    """
    return {
        "DatabaseMode": "direct",
        "DatabaseAuth": "password",
        "DatabaseTls": "off",
        "DatabaseHost": database.host,
        "DatabasePort": str(database.port),
        "DatabaseName": database.name,
        "DatabaseUser": database.user,
        "DatabasePassword": database.password,
        "MigrationUser": database.user if migrates else "",
        "PartnerApiUrl": partner_api_url,
        "Tracing": "Active" if tracing else "PassThrough",
        # What the environments here really are: awslambdaric behaves otherwise on another version.
        "Runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "Architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    }
