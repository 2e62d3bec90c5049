"""The partner API's options: one frozen class, checked when it is made, for Python, JSON and command line alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from emulator.partner_api.fault_names import FAULT_NAMES, NO_FAULT


class OptionError(ValueError):
    """An option outside its range, of the wrong type or unknown; the message names it and what is allowed."""


def _number(default: float, low: float, high: float, text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": text})


@dataclass(frozen=True)
class UserOverride:
    """What one user's calls get instead of what the rates would give: a fault, another latency, or both."""

    fault: str | None = None  # a name of FAULT_NAMES, or "none" for a good answer whatever the rates say
    latency_ms: float | None = None
    first_attempts: int | None = None  # the fault holds for that many attempts; None: for every one

    def __post_init__(self) -> None:
        if self.fault is not None and self.fault != NO_FAULT and self.fault not in FAULT_NAMES:
            raise OptionError(
                f"users: fault {self.fault!r} is unknown; use one of: {', '.join(FAULT_NAMES)}, {NO_FAULT}"
            )
        if self.latency_ms is not None:
            _check_number("users: latency_ms", self.latency_ms, 0, 600_000, whole=False)
        if self.first_attempts is not None:
            _check_number("users: first_attempts", self.first_attempts, 1, 1_000_000, whole=True)


@dataclass(frozen=True)
class PartnerApiOptions:
    """How the partner API behaves. Rates are shares of the calls, 0 to 1, and may not sum to more than 1."""

    latency_ms: float = _number(100.0, 0, 600_000, "mean time before an answer")
    latency_jitter: float = _number(0.0, 0, 1, "share by which the latency varies evenly to both sides of its mean")
    error_rate: float = _number(0.0, 0, 1, "share of calls answered 500, 502 or 503")
    throttle_rate: float = _number(0.0, 0, 1, "share of calls answered 429 with Retry-After")
    retry_after_seconds: int = _number(1, 0, 3_600, "the Retry-After of every 429")
    malformed_rate: float = _number(0.0, 0, 1, "share of calls answered 200 with a body that breaks the contract")
    timeout_rate: float = _number(0.0, 0, 1, "share of calls that are never answered")
    drop_rate: float = _number(0.0, 0, 1, "share of calls whose connection is reset instead of an answer")
    not_found_rate: float = _number(0.0, 0, 1, "share of users answered 404, on every attempt")
    sticky_share: float = _number(
        0.0, 0, 1, "share of the 5xx, 429, timeout and drop faults that hold on every attempt"
    )
    malformed_sticky_share: float = _number(1.0, 0, 1, "share of the malformed answers that hold on every attempt")
    seed: int = _number(1, 0, 2**63 - 1, "answers and faults are a function of the seed, the user and the attempt")
    changing: bool = field(default=False, metadata={"help": "each good answer of a user differs from the one before"})
    max_calls_per_second: int = _number(
        0, 0, 10_000_000, "calls beyond that many in any second are answered 429; 0: no cap"
    )
    max_in_flight: int = _number(0, 0, 10_000_000, "calls beyond that many at once are answered 429; 0: no cap")
    max_body: int = _number(0, 0, 1_000_000_000, "bytes of an 'oversized' malformed answer; 0: that kind is left out")
    users: Mapping[str, UserOverride] = field(default_factory=dict, metadata={"help": "overrides of single users"})

    def __post_init__(self) -> None:
        for item in number_fields():
            whole = item.type == "int"
            _check_number(item.name, getattr(self, item.name), item.metadata["low"], item.metadata["high"], whole=whole)
        if not isinstance(self.changing, bool):
            raise OptionError(f"changing must be true or false, not {self.changing!r}")
        total = sum(getattr(self, name) for name in RATE_NAMES)
        if total > 1 + 1e-9:
            raise OptionError(f"{', '.join(RATE_NAMES)} sum to {total:g}; together they may not exceed 1")

    def to_json(self) -> dict[str, Any]:
        """Every option as JSON takes it; `merge_options` reads the same shape."""
        plain = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "users"}
        overrides = {user_id: {k: v for k, v in vars(o).items() if v is not None} for user_id, o in self.users.items()}
        return {**plain, "users": overrides}


RATE_NAMES = ("error_rate", "throttle_rate", "malformed_rate", "timeout_rate", "drop_rate", "not_found_rate")


def number_fields() -> Iterable[Any]:
    """The dataclass fields that hold a number with a range."""
    return (item for item in fields(PartnerApiOptions) if "low" in item.metadata)


def merge_options(options: PartnerApiOptions, changes: Mapping[str, Any]) -> PartnerApiOptions:
    """`options` with the members of a JSON object on top; under `users`, null removes that user's override."""
    known = {item.name for item in fields(PartnerApiOptions)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise OptionError(f"unknown option {', '.join(unknown)}; the options are: {', '.join(sorted(known))}")
    merged = dict(changes)
    if "users" in merged:
        merged["users"] = _merge_users(options.users, merged["users"])
    return replace(options, **merged)


def _merge_users(users: Mapping[str, UserOverride], changes: object) -> dict[str, UserOverride]:
    if not isinstance(changes, Mapping):
        raise OptionError(f"users must be an object of user ids, not {type(changes).__name__}")
    merged = dict(users)
    for user_id, override in changes.items():
        if override is None:
            merged.pop(user_id, None)
        elif isinstance(override, UserOverride):
            merged[user_id] = override
        else:
            merged[user_id] = _parse_override(user_id, override)
    return merged


def _parse_override(user_id: str, override: object) -> UserOverride:
    known = {item.name for item in fields(UserOverride)}
    if not isinstance(override, Mapping) or not set(override) <= known:
        raise OptionError(f"users: the override of {user_id} must be an object of: {', '.join(sorted(known))}")
    return UserOverride(**override)


def _check_number(name: str, value: object, low: float, high: float, *, whole: bool) -> None:
    wanted = f"{'a whole number' if whole else 'a number'} from {low:g} to {high:g}"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise OptionError(f"{name} must be {wanted}, not {value!r}")
    if not low <= value <= high:
        raise OptionError(f"{name} must be {wanted}, not {value}")
