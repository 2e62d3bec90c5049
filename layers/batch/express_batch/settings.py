"""A function's settings, read from its environment once, with everything wrong reported together."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import ClassVar, Self

from express_batch.errors import SettingsError


@dataclass(frozen=True)
class Settings:
    """Base of every function's settings: a field `run_bucket: str` is read from RUN_BUCKET.

    Defaults live in template.yaml; a field has one here only where the variable may be absent.
    """

    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    LEAST: ClassVar[Mapping[str, float]] = {}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Settings of this class. Raises SettingsError that names every missing and malformed variable."""
        values: dict[str, str | int | float] = {}
        problems: list[str] = []
        for setting in fields(cls):
            variable = setting.name.upper()
            text = environment.get(variable, "")
            if text == "":
                if setting.default is MISSING:
                    problems.append(f"{variable} is missing")
                continue
            try:
                value = values[setting.name] = _parse_value(text, setting.type)
            except ValueError:
                problems.append(f"{variable} is {text!r}, expected a number")
                continue
            allowed = cls.CHOICES.get(setting.name)
            if allowed and text not in allowed:
                problems.append(f"{variable} is {text!r}, expected one of {', '.join(allowed)}")
            least = cls.LEAST.get(setting.name)
            if least is not None and isinstance(value, (int, float)) and value < least:
                problems.append(f"{variable} is {text}, expected at least {least}")
        if problems:
            raise SettingsError(f"{'; '.join(problems)}: set them in template.yaml, under this function's Environment")
        return cls(**values)


def _parse_value(text: str, field_type: object) -> str | int | float:
    if field_type is int:
        return int(text)
    if field_type is float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    return text


@dataclass(frozen=True)
class ObservedSettings(Settings):
    """Whose stack it is and what a function tells of itself; where nothing says so, the least."""

    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "metrics": ("Active", "Off"),
        "user_ids_in_logs": ("plain", "hashed"),
    }

    tenant_group: str
    metrics: str = field(default="Off", kw_only=True)
    user_ids_in_logs: str = field(default="hashed", kw_only=True)
    traced_calls_per_invocation: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class DatabaseSettings(ObservedSettings):
    """Where the database is and how a function proves who it is."""

    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **ObservedSettings.CHOICES,
        "database_auth": ("iam", "password"),
        "database_tls": ("verify", "off"),
    }

    run_bucket: str
    database_host: str
    database_port: int
    database_name: str
    database_user: str
    database_auth: str
    database_tls: str = "verify"
    database_password: str = field(default="", repr=False)


@dataclass(frozen=True)
class ListUsersSettings(DatabaseSettings):
    """Settings of list_users."""

    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **DatabaseSettings.CHOICES,
        "run_overlap": ("skip", "wait", "both"),
    }
    LEAST: ClassVar[Mapping[str, float]] = {"chunk_size": 1, "max_unwritten_users": 0}

    chunk_size: int = 1000
    run_overlap: str = "both"
    max_unwritten_users: int = 0


@dataclass(frozen=True)
class WriteRowsSettings(DatabaseSettings):
    """Settings of write_rows."""


@dataclass(frozen=True)
class CloseRunSettings(DatabaseSettings):
    """Settings of close_run."""

    LEAST: ClassVar[Mapping[str, float]] = {"run_retention_days": 1, "ledger_retention_days": 1}

    close_run_wait_seconds: float = 60.0
    run_retention_days: int = 14
    ledger_retention_days: int = 400


@dataclass(frozen=True)
class SyncUsersSettings(ObservedSettings):
    """Settings of sync_users. It never touches the database, so it needs no VPC and no NAT."""

    LEAST: ClassVar[Mapping[str, float]] = {
        "calls_in_flight": 1,
        "partner_api_timeout_seconds": 0.1,
        "traced_calls_per_invocation": 0,
    }

    run_bucket: str
    row_stream: str
    calls_in_flight: int
    partner_api_url: str
    partner_api_timeout_seconds: float
