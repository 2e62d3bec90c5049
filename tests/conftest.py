"""What pytest-xdist's workers share out: a file is one worker's, and the whole runs all are.

The whole runs, most of the time of all tests, wait more than they work, share one stack, and write below `.local`; so
one worker has them, from the beginning, while the other does the rest.

And what the property tests try: the same examples each time (hypothesis' profile "ci"), so that a change turns red in
the commit that made it. To look for others: `make test ARGS="--hypothesis-profile=default"`, `make fuzz`, `make model`.
"""

import hypothesis
import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_WHOLE_RUNS = "tests/local/"

# Before any test's module is read, since each settings() takes over what it does not say from here.
hypothesis.settings.load_profile("ci")


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Files, and the whole runs as one. `--dist loadgroup` knows no groups under pytest 9.2 (pytest-xdist 3.8)."""

    def _split_scope(self, nodeid: str) -> str:
        return _WHOLE_RUNS if nodeid.startswith(_WHOLE_RUNS) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """What shares out the tests, whatever `--dist` says."""
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the whole runs the first place."""
    items.sort(key=lambda item: not item.nodeid.startswith(_WHOLE_RUNS))
