"""What pytest-xdist's workers share out: a file is one worker's, and the whole runs all are.

The whole runs, most of the time of all tests, wait more than they work, share one stack, and write below `.local`; so
one worker has them, from the beginning, while the other does the rest.
"""

from pathlib import Path

import pytest

_TESTS = Path(__file__).parent
_WHOLE_RUNS = "local"


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group, and the whole runs the first place."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        item.add_marker(pytest.mark.xdist_group(_WHOLE_RUNS if folder == _WHOLE_RUNS else str(item.path)))
    items.sort(key=lambda item: item.path.relative_to(_TESTS).parts[0] != _WHOLE_RUNS)
