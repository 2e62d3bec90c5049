"""What a contender is given, and the one JSON object that it prints."""

import argparse
import json
from dataclasses import asdict, dataclass
from urllib.parse import quote, unquote, urlsplit


@dataclass(frozen=True)
class Database:
    """A MySQL server and database."""

    host: str
    port: int
    user: str
    password: str
    name: str

    @classmethod
    def parse(cls, url: str) -> "Database":
        """Out of mysql://user:password@host:port/name. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme != "mysql" or not parts.hostname or not parts.port or not parts.username:
            raise ValueError(f"{parts.scheme}://{parts.hostname}: expected mysql://user:password@host:port/name")
        return cls(parts.hostname, parts.port, unquote(parts.username), unquote(parts.password or ""), parts.path[1:])

    def to_url(self) -> str:
        """What `parse` reads."""
        return f"mysql://{quote(self.user)}:{quote(self.password, safe='')}@{self.host}:{self.port}/{self.name}"


@dataclass(frozen=True)
class ContenderArguments:
    """What every contender takes."""

    users: int
    partner_api_url: str
    database: Database


@dataclass(frozen=True)
class ContenderResult:
    """What every contender prints; `started_at` is the epoch second at which the run began, set-up excluded."""

    users: int
    rows_written: int
    seconds: float
    started_at: float

    def print_json(self) -> None:
        """One object on standard output."""
        print(json.dumps(asdict(self)), flush=True)


def parse_contender_arguments(description: str) -> ContenderArguments:
    """The command line of a contender."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--partner-api-url", required=True)
    parser.add_argument("--database-url", required=True, help="mysql://user:password@host:port/name")
    chosen = parser.parse_args()
    return ContenderArguments(chosen.users, chosen.partner_api_url, Database.parse(chosen.database_url))
