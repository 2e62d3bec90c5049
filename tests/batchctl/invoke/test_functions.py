"""Which functions there are, by the folder's name and by the logical id."""

import pytest

from batchctl.errors import UsageError
from batchctl.invoke.functions import MIGRATE_SCHEMA, find_function, list_functions
from batchctl.project_tree import PROJECT_ROOT, TEMPLATE


def test_list_functions_names_folders_that_hold_the_code() -> None:
    functions = list_functions(TEMPLATE)

    assert {"list_users", "sync_users", "write_rows", "close_run", MIGRATE_SCHEMA} == set(functions)
    assert [name for name in functions if not (PROJECT_ROOT / "functions" / name / "app.py").is_file()] == []


@pytest.mark.parametrize("name", ["sync_users", "SyncUsersFunction"])
def test_find_function_takes_either_name(name: str) -> None:
    assert find_function(name, TEMPLATE) == ("sync_users", "SyncUsersFunction")


def test_find_function_lists_the_known_ones_when_the_name_is_unknown() -> None:
    with pytest.raises(
        UsageError, match=r"'sync_user' is unknown.*migrate_schema, list_users, sync_users, write_rows, close_run"
    ):
        find_function("sync_user", TEMPLATE)
