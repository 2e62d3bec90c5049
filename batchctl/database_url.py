"""--database-url: a database that somebody names."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from batchctl.errors import UsageError


@dataclass(frozen=True)
class DatabaseUrl:
    """A database that is there already."""

    host: str
    port: int
    user: str
    password: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "DatabaseUrl":
        """mysql://user:password@host:port/name. Raises UsageError."""
        parts = urlsplit(text)
        name = parts.path.lstrip("/")
        try:
            port = parts.port or 3306
        except ValueError as error:
            raise UsageError(f"--database-url: {error}") from error
        if parts.scheme != "mysql" or not parts.hostname or not parts.username or not name:
            raise UsageError("--database-url: expected mysql://user:password@127.0.0.1:3306/express_batch")
        return cls(parts.hostname, port, unquote(parts.username), unquote(parts.password or ""), name)
