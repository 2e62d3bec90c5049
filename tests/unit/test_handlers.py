"""The functions' handlers: what they need, and that they say so."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from express_batch.errors import InvalidEventError, SettingsError

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
NAMES = ["list_users", "sync_users", "write_rows", "close_run"]
ENVIRONMENT = {
    "TENANT_GROUP": "blue",
    "RUN_BUCKET": "bucket",
    "ROW_STREAM": "rows",
    "CALLS_IN_FLIGHT": "10",
    "PARTNER_API_URL": "http://127.0.0.1:1",
    "PARTNER_API_TIMEOUT_SECONDS": "5",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "1",
    "DATABASE_NAME": "batch",
    "DATABASE_USER": "writer",
    "DATABASE_AUTH": "password",
    "POWERTOOLS_SERVICE_NAME": "test",
}


class Context:
    """What the handlers take of Lambda's context."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def load(name: str) -> ModuleType:
    """The handler's module as Lambda imports it, once for each environment."""
    spec = importlib.util.spec_from_file_location(f"{name}_app", FUNCTIONS / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unload(module: ModuleType) -> None:
    if hasattr(module, "partner"):
        module.partner._loop.close()


def test_there_is_a_handler_for_each_name() -> None:
    # migrate_schema is no part of a run: tests/database/test_migrate_schema.py
    assert sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py")) == sorted([*NAMES, "migrate_schema"])


@pytest.mark.parametrize("name", NAMES)
def test_function_names_all_that_is_missing_when_it_has_no_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ENVIRONMENT:
        monkeypatch.delenv(variable, raising=False)

    with pytest.raises(SettingsError, match=r"TENANT_GROUP is missing.*RUN_BUCKET is missing"):
        load(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event", [None, [], {}, {"Records": None}])
def test_function_refuses_by_name_when_the_event_is_not_its_own(
    name: str, event: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    module = load(name)
    try:
        with pytest.raises(InvalidEventError):
            module.lambda_handler(event, Context())
    finally:
        unload(module)
