"""What can be made to go wrong, one class for each kind. Where each strikes: docs/reference/faults.md."""

from dataclasses import dataclass


class Effect:
    """Base of all effects."""


# At the gateway, on a request of a service


@dataclass(frozen=True)
class AnswerError(Effect):
    """The request is not carried out; the answer is this error."""

    status: int
    code: str


@dataclass(frozen=True)
class Delay(Effect):
    """The request is carried out that much later."""

    seconds: float


@dataclass(frozen=True)
class LoseAnswer(Effect):
    """The request is carried out; the connection breaks in the place of its answer."""


# In Kinesis, on a record of a PutRecords


@dataclass(frozen=True)
class RefuseRecord(Effect):
    """The record is not stored; its neighbours of the same call are."""

    code: str


# In Lambda, on an invocation


@dataclass(frozen=True)
class KillEnvironment(Effect):
    """The environment's processes are killed that long after the event was handed over, if it is still at work."""

    after_seconds: float


@dataclass(frozen=True)
class HoldAnswer(Effect):
    """The handler has returned and nobody hears of it: the invocation times out."""


@dataclass(frozen=True)
class SkewClock(Effect):
    """The wall clock of an environment that starts is off by that much; see `LambdaService`'s `clock_library`."""

    seconds: float


# In Step Functions


@dataclass(frozen=True)
class FailInvoke(Effect):
    """Lambda refuses a task's invocation with this error."""

    code: str
    status: int


@dataclass(frozen=True)
class InvokeTwice(Effect):
    """A task's function is invoked twice at once; the second one's answer counts."""


@dataclass(frozen=True)
class StartTwice(Effect):
    """An execution is started a second time with the same input."""


# In an event source mapping, on a batch


@dataclass(frozen=True)
class DeliverTwice(Effect):
    """The batch is handed over again although the function has taken it."""


@dataclass(frozen=True)
class DeliverReversed(Effect):
    """The batch's records come in reverse order."""


@dataclass(frozen=True)
class DeliverToTwo(Effect):
    """Two consumers get the batch at the same time."""


@dataclass(frozen=True)
class KeepBatch(Effect):
    """A copy of the batch is kept for `DeliverKept`."""


@dataclass(frozen=True)
class DeliverKept(Effect):
    """Behind the batch come those that were kept."""
