"""How a function proves to the database who it is: an IAM token on AWS, a password locally."""

from collections.abc import Callable

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
    without an RDS client, whose model alone costs a quarter of a second at a cold start. Raises SettingsError.
    """
    from botocore.auth import SigV4QueryAuth  # noqa: PLC0415  # not needed where a password is used
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    from express_batch.adapters.aws_requests import get_credentials, get_region  # noqa: PLC0415

    request = AWSRequest(method="GET", url=f"https://{host}:{port}/?Action=connect&DBUser={user}", data="")
    SigV4QueryAuth(get_credentials(), "rds-db", get_region(), expires=TOKEN_SECONDS).add_auth(request)
    return str(request.url).removeprefix("https://")
