"""The real MariaDB of tests/database, for the model."""

from tests.database.conftest import probe, server

__all__ = ["probe", "server"]
