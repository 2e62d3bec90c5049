"""CloudWatch Logs over what functions and state machines wrote."""

from emulator.services.logs.service import LogsService

__all__ = ["LogsService"]
