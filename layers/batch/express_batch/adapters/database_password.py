"""How a function proves to the database who it is: an IAM token on AWS, a password locally."""

from collections.abc import Callable

from express_batch.errors import SettingsError
from express_batch.settings import DatabaseSettings

TOKEN_SECONDS = 900  # RDS accepts no longer one


def password_source(settings: DatabaseSettings) -> Callable[[], str]:
    """What makes the password for each new connection; a token is signed locally, without a call."""
    if settings.database_auth == "password":
        return lambda: settings.database_password
    return lambda: make_iam_token(settings.database_host, settings.database_port, settings.database_user)


def make_iam_token(host: str, port: int, user: str) -> str:
    """A token for `user` at the endpoint `host` (the proxy's, where there is one).

    Signed as boto3's generate_db_auth_token does
    (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.Python.html),
    without an RDS client, whose model alone costs a quarter of a second at a cold start.
    """
    import botocore.session  # noqa: PLC0415  # not needed where a password is used
    from botocore.model import ServiceId  # noqa: PLC0415
    from botocore.signers import RequestSigner  # noqa: PLC0415

    session = botocore.session.get_session()
    region = session.get_config_variable("region")
    credentials = session.get_credentials()
    if credentials is None:
        raise SettingsError("no AWS credentials to sign the database token with: give the function a role")
    signer = RequestSigner(
        ServiceId("RDS"), region, "rds-db", "v4", credentials, session.get_component("event_emitter")
    )
    request = {
        "method": "GET",
        "url": f"https://{host}:{port}/?Action=connect&DBUser={user}",
        "body": {},
        "headers": {},
        "context": {},
    }
    url: str = signer.generate_presigned_url(
        request, region_name=region, operation_name="connect", expires_in=TOKEN_SECONDS, signing_name="rds-db"
    )
    return url.removeprefix("https://")
