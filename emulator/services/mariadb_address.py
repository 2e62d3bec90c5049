"""Where a MariaDB server listens and who may come in."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DatabaseAddress:
    """How to connect: over TCP by host and port, or through the socket."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    socket: str
