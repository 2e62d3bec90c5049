"""Faults of invocations, between those who invoke and Lambda: state machines and event source mappings."""

import asyncio
import json

from emulator.errors import AwsError
from emulator.event_sources.ports import Invoker, InvokeResult
from emulator.faults.effects import (
    DeliverKept,
    DeliverReversed,
    DeliverToTwo,
    DeliverTwice,
    FailInvoke,
    InvokeTwice,
    KeepBatch,
)
from emulator.faults.plan import FaultPlan
from emulator.step_functions.ports import InvokeAnswer, LambdaInvoker


class FaultyTasks:
    """A LambdaInvoker for state machines."""

    def __init__(self, invoker: LambdaInvoker, plan: FaultPlan) -> None:
        self._invoker = invoker
        self._plan = plan

    async def invoke(self, function: str, payload: bytes, /, *, trace_header: str | None) -> InvokeAnswer:
        """The function's answer; raises AwsError where the role, Lambda or a fault refuses."""
        if not self._plan.armed:
            return await self._invoker.invoke(function, payload, trace_header=trace_header)
        if (refusal := self._plan.strike(FailInvoke, function=function)) is not None:
            raise AwsError(refusal.code, "injected", refusal.status)
        if self._plan.strike(InvokeTwice, function=function) is None:
            return await self._invoker.invoke(function, payload, trace_header=trace_header)
        both = (self._invoker.invoke(function, payload, trace_header=trace_header) for _ in range(2))
        _, second = await asyncio.gather(*both)
        return second


class FaultyDeliveries:
    """An Invoker for event source mappings."""

    def __init__(self, invoker: Invoker, plan: FaultPlan) -> None:
        self._invoker = invoker
        self._plan = plan
        self._kept: list[bytes] = []

    async def invoke(self, function: str, payload: bytes, *, trace_header: str | None) -> InvokeResult:
        """The function's result; raises AwsError where it could not be invoked."""
        if not self._plan.armed:
            self._kept.clear()
            return await self._invoker.invoke(function, payload, trace_header=trace_header)
        if self._plan.strike(DeliverReversed, function=function) is not None:
            event = json.loads(payload)
            event["Records"].reverse()
            payload = json.dumps(event, separators=(",", ":")).encode()
        consumers = 2 if self._plan.strike(DeliverToTwo, function=function) is not None else 1
        consuming = (self._invoker.invoke(function, payload, trace_header=trace_header) for _ in range(consumers))
        result = (await asyncio.gather(*consuming))[0]
        if self._plan.strike(DeliverTwice, function=function) is not None:
            result = await self._invoker.invoke(function, payload, trace_header=trace_header)
        if self._plan.strike(KeepBatch, function=function) is not None:
            self._kept.append(payload)
        if self._plan.strike(DeliverKept, function=function) is not None:
            for kept in self._kept:
                await self._invoker.invoke(function, kept, trace_header=None)
        return result
