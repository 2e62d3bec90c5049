"""Settings out of the environment."""

import pytest
from express_batch.errors import SettingsError
from express_batch.settings import CloseRunSettings, DatabaseSettings, ListUsersSettings, SyncUsersSettings

DATABASE = {
    "TENANT_GROUP": "blue",
    "RUN_BUCKET": "bucket",
    "DATABASE_HOST": "db.example",
    "DATABASE_PORT": "3306",
    "DATABASE_NAME": "batch",
    "DATABASE_USER": "writer",
    "DATABASE_AUTH": "iam",
}
SYNC = {
    "TENANT_GROUP": "blue",
    "RUN_BUCKET": "bucket",
    "ROW_STREAM": "rows",
    "CALLS_IN_FLIGHT": "100",
    "PARTNER_API_URL": "https://api.example",
    "PARTNER_API_TIMEOUT_SECONDS": "2.5",
}


def test_settings_have_their_types_when_all_is_there() -> None:
    settings = SyncUsersSettings.from_environment({**SYNC, "UNRELATED": "x"})

    assert settings == SyncUsersSettings("blue", "bucket", "rows", 100, "https://api.example", 2.5)


def test_settings_take_defaults_when_an_optional_variable_is_absent() -> None:
    settings = DatabaseSettings.from_environment(DATABASE)

    assert (settings.database_tls, settings.database_password) == ("verify", "")


def test_settings_report_everything_that_is_missing_together() -> None:
    with pytest.raises(SettingsError) as refusal:
        ListUsersSettings.from_environment({"RUN_BUCKET": "", "CHUNK_SIZE": "10"})

    assert all(f"{name} is missing" in str(refusal.value) for name in DATABASE)
    assert "CHUNK_SIZE" not in str(refusal.value)
    assert "template.yaml" in str(refusal.value)


@pytest.mark.parametrize("number", ["many", "1.5", "0x10", "1e3"])
def test_settings_are_refused_when_a_whole_number_is_malformed(number: str) -> None:
    with pytest.raises(SettingsError, match=f"CALLS_IN_FLIGHT is '{number}', expected a number"):
        SyncUsersSettings.from_environment({**SYNC, "CALLS_IN_FLIGHT": number})


@pytest.mark.parametrize("number", ["long", "nan", "inf", "-Infinity"])
def test_settings_are_refused_when_seconds_are_no_finite_number(number: str) -> None:
    with pytest.raises(SettingsError, match="CLOSE_RUN_WAIT_SECONDS"):
        CloseRunSettings.from_environment({**DATABASE, "CLOSE_RUN_WAIT_SECONDS": number})


def test_settings_are_refused_when_a_choice_is_none_of_those() -> None:
    with pytest.raises(SettingsError) as refusal:
        DatabaseSettings.from_environment({**DATABASE, "DATABASE_AUTH": "none", "DATABASE_TLS": "maybe"})

    assert "DATABASE_AUTH is 'none', expected one of iam, password" in str(refusal.value)
    assert "DATABASE_TLS is 'maybe', expected one of verify, off" in str(refusal.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CALLS_IN_FLIGHT", "0"), ("CALLS_IN_FLIGHT", "-1"), ("PARTNER_API_TIMEOUT_SECONDS", "0")],
)
def test_settings_are_refused_when_a_number_is_too_small_to_work_with(variable: str, value: str) -> None:
    """With no call in flight every user would seem to have run out of time."""
    with pytest.raises(SettingsError, match=f"{variable} is {value}, expected at least"):
        SyncUsersSettings.from_environment({**SYNC, variable: value})


def test_settings_are_refused_when_a_chunk_would_hold_nobody() -> None:
    with pytest.raises(SettingsError, match="CHUNK_SIZE is 0, expected at least 1"):
        ListUsersSettings.from_environment({**DATABASE, "CHUNK_SIZE": "0"})


def test_settings_tell_the_least_when_nothing_says_otherwise() -> None:
    settings = SyncUsersSettings.from_environment(SYNC)

    assert (settings.metrics, settings.user_ids_in_logs, settings.traced_calls_per_invocation) == ("Off", "hashed", 0)


def test_settings_are_refused_when_what_to_tell_is_none_of_the_choices() -> None:
    told = {"METRICS": "on", "USER_IDS_IN_LOGS": "no"}
    for settings in (SyncUsersSettings, DatabaseSettings):
        with pytest.raises(SettingsError, match=r"METRICS is 'on'.*USER_IDS_IN_LOGS is 'no'"):
            settings.from_environment({**SYNC, **DATABASE, **told})


def test_settings_do_not_show_the_password_when_printed() -> None:
    settings = DatabaseSettings.from_environment({**DATABASE, "DATABASE_PASSWORD": "hush-hush"})

    assert settings.database_password == "hush-hush"
    assert "hush-hush" not in repr(settings)
