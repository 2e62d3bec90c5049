"""One Lambda runtime for all tests of this folder, installed once and kept in the repository's cache."""

from pathlib import Path

import pytest

from emulator.lambda_runtime import prepare_runtime

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def runtime_dir() -> Path:
    return prepare_runtime(REPOSITORY / ".local" / "cache", REPOSITORY / "requirements" / "runtime.txt")
