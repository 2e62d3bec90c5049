"""Kinesis and its event source mapping."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from chaos.scenario import Scenario, armed, meanwhile
from chaos.stage import Stage
from emulator.faults import (
    ALWAYS,
    AnswerError,
    Delay,
    DeliverKept,
    DeliverReversed,
    DeliverToTwo,
    DeliverTwice,
    Effect,
    Fault,
    KeepBatch,
    LoseAnswer,
    RefuseRecord,
    Scope,
    Trigger,
    share_of_calls,
)

PUT = Scope(service="kinesis", operation="PutRecords")
POISON = (b"\xff\x00 no JSON", b'{"version": 99, "rows": []}', b"[]")


def _share(
    name: str, what: str, survives: str, effects: Sequence[Effect], share: float, *, is_quick: bool = False
) -> Scenario:
    def make(fault_name: str, seed: int) -> Sequence[Fault]:
        return [
            Fault(fault_name, effect, PUT, share_of_calls(share, seed + number))
            for number, effect in enumerate(effects)
        ]

    return Scenario(name, what, survives, armed(make, name), is_quick=is_quick)


def _deliver(name: str, what: str, survives: str, *effects: Effect, runs: int = 1, is_quick: bool = False) -> Scenario:
    def make(fault_name: str, _seed: int) -> Sequence[Fault]:
        return [
            Fault(fault_name, effect, trigger=Trigger(calls=3) if isinstance(effect, KeepBatch) else ALWAYS)
            for effect in effects
        ]

    return Scenario(name, what, survives, armed(make, name), runs=runs, is_quick=is_quick)


@contextlib.asynccontextmanager
async def _poison_the_stream(stage: Stage, _seed: int) -> AsyncIterator[None]:
    async def put() -> None:
        await stage.listed.wait()
        for data in POISON:
            await stage.put_record(data)
            stage.faults.note("poisonous-record")

    stage.rejected_before = len(await stage.list_keys("rejected/"))
    async with meanwhile(put()):
        yield


async def _poison_is_put_aside(stage: Stage, _calls: int) -> str:
    kept = len(await stage.list_keys("rejected/")) - stage.rejected_before
    return "" if kept == len(POISON) else f"{kept} of {len(POISON)} poisonous records lie under rejected/"


SCENARIOS = (
    _share(
        "stream-refuses-records",
        "PutRecords refuses half of the records (ProvisionedThroughputExceededException of the single record)",
        "just the refused records are sent again",
        [RefuseRecord("ProvisionedThroughputExceededException")],
        0.5,
        is_quick=True,
    ),
    _share(
        "stream-throttled",
        "half of the PutRecords calls are refused whole with ProvisionedThroughputExceededException",
        "sent again, later and later",
        [AnswerError(400, "ProvisionedThroughputExceededException")],
        0.5,
    ),
    _share(
        "stream-unavailable",
        "PutRecords answers 500 or 503 to 40% of the calls, and the rest comes 1 s late",
        "sent again, later and later",
        [AnswerError(500, "InternalFailure"), AnswerError(503, "ServiceUnavailable"), Delay(1.0)],
        0.25,
    ),
    _share(
        "stream-answer-lost",
        "the connection breaks behind 40% of the PutRecords calls: the records are stored and sent again",
        "a record's id is its primary key in the ledger",
        [LoseAnswer()],
        0.4,
    ),
    _deliver(
        "batch-delivered-twice",
        "each batch is delivered a second time",
        "ledger and rows are idempotent",
        DeliverTwice(),
        is_quick=True,
    ),
    _deliver(
        "batch-out-of-order",
        "records come in reverse order, and batches of the run before come again behind the newer ones",
        "the version of each row: an older answer never overwrites a newer one",
        DeliverReversed(),
        KeepBatch(),
        DeliverKept(),
        runs=2,
    ),
    _deliver(
        "batch-by-two-consumers",
        "two consumers get each batch at the same time",
        "one of the transactions waits for the other and changes nothing; keys in one order, dead-locks repeated",
        DeliverToTwo(),
    ),
    Scenario(
        "poisonous-record",
        "three records that nobody can read get into the stream",
        "they are stored under rejected/ and passed over",
        _poison_the_stream,
        check=_poison_is_put_aside,
    ),
)
