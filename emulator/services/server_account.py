"""Whose account a server runs under: its own when we are root, ours otherwise."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerAccount:
    """Ids to switch to, or None where the server runs as the caller."""

    user_id: int | None
    group_id: int | None

    def own(self, path: Path) -> None:
        """Give `path` to the server's account."""
        if self.user_id is not None and self.group_id is not None:
            os.chown(path, self.user_id, self.group_id)


NO_OTHER_ACCOUNT = ServerAccount(None, None)


def find_server_account() -> ServerAccount:
    """The account for the server; mariadbd refuses to run as root, so root gives way to `mysql`.

    Source: https://mariadb.com/docs/server/server-management/starting-and-stopping-mariadb/running-mariadbd-as-root
    """
    if os.geteuid() != 0:
        return NO_OTHER_ACCOUNT
    for name in ("mysql", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(entry.pw_uid, entry.pw_gid)
    raise RuntimeError("MariaDB cannot run as root and there is no user mysql or nobody: run as another user")
