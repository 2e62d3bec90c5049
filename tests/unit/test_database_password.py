"""How a function proves to the database who it is."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from express_batch.adapters.database_password import make_iam_token, password_source
from express_batch.errors import SettingsError
from express_batch.settings import DatabaseSettings

PROXY = "batch.proxy-abc.us-east-1.rds.amazonaws.com"


def make_settings(database_auth: str) -> DatabaseSettings:
    return DatabaseSettings(
        "blue", "bucket", PROXY, 3306, "batch", "writer", database_auth, database_password="hush-hush"
    )


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that Lambda gives a function."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-token")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")


def test_password_is_that_of_the_settings_when_it_is_a_local_one() -> None:
    assert password_source(make_settings("password"))() == "hush-hush"


@pytest.mark.usefixtures("role")
def test_token_is_a_signed_connect_request_for_the_endpoint_and_user() -> None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.Python.html"""
    token = password_source(make_settings("iam"))()

    assert token.startswith(f"{PROXY}:3306/?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(f"https://{token}").query).items()}
    assert (query["Action"], query["DBUser"], query["X-Amz-Expires"]) == ("connect", "writer", "900")
    assert query["X-Amz-Credential"].endswith("/ap-northeast-1/rds-db/aws4_request")
    assert query["X-Amz-Security-Token"] == "session-token"
    assert len(query["X-Amz-Signature"]) == 64
    assert "secret-key" not in token


@pytest.mark.usefixtures("role")
def test_token_is_the_one_that_botocore_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed at the same moment, by boto3's own generate_db_auth_token."""
    import datetime

    import botocore.auth

    moment = datetime.datetime(2026, 11, 22, 8, 30, tzinfo=datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    client: Any = botocore.session.get_session().create_client("rds")

    expected = client.generate_db_auth_token(DBHostname=PROXY, Port=3306, DBUsername="writer")

    assert make_iam_token(PROXY, 3306, "writer") == expected


def test_token_is_refused_by_name_when_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda self: None)

    with pytest.raises(SettingsError, match="give the function a role"):
        make_iam_token(PROXY, 3306, "writer")
