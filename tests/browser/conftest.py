"""One Chromium for the whole folder."""

from collections.abc import Iterator

import pytest

from tests.browser.devtools import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A page of a headless browser."""
    with Browser() as browser:
        yield browser
