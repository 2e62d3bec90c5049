"""The fault port: what is to go wrong in the emulator, on purpose. `emulator.faults.arm(Fault(...))`."""

from emulator.faults.effects import (
    AnswerError,
    Delay,
    DeliverKept,
    DeliverReversed,
    DeliverToTwo,
    DeliverTwice,
    Effect,
    FailInvoke,
    HoldAnswer,
    InvokeTwice,
    KeepBatch,
    KillEnvironment,
    LoseAnswer,
    RefuseRecord,
    SkewClock,
    StartTwice,
)
from emulator.faults.plan import Fault, FaultPlan, Scope
from emulator.faults.trigger import ALWAYS, Trigger, share_of_calls

__all__ = [
    "ALWAYS",
    "AnswerError",
    "Delay",
    "DeliverKept",
    "DeliverReversed",
    "DeliverToTwo",
    "DeliverTwice",
    "Effect",
    "FailInvoke",
    "Fault",
    "FaultPlan",
    "HoldAnswer",
    "InvokeTwice",
    "KeepBatch",
    "KillEnvironment",
    "LoseAnswer",
    "RefuseRecord",
    "Scope",
    "SkewClock",
    "StartTwice",
    "Trigger",
    "share_of_calls",
]
