"""A partner that was found down is probed once before anybody is called for."""

from typing import Any

import pytest

from tests.emulator.step_functions.doubles import FunctionError
from tests.statemachine.user_batch import LIMITS, RUN_ID, Batch, sync


def open_batch(probe: Any, **listing: Any) -> Batch:
    """A batch whose ListUsers has found the circuit open, and whose probe answers or raises so."""
    batch = Batch()

    def answer(event: Any) -> Any:
        if not event.get("probe"):
            return sync(event)
        if isinstance(probe, Exception):
            raise probe
        return {"circuit": probe}

    functions = {"ListUsers": lambda event: batch.list_users(event) | {"circuit": "open"} | listing}
    return Batch(functions=functions | {"SyncUsers": answer})


@pytest.mark.parametrize("probe", ["closed", "open"])
def test_partner_is_probed_once_before_anybody_is_called_for_when_the_circuit_is_open(probe: str) -> None:
    batch = open_batch(probe)

    execution = batch.run()

    assert execution.status == "SUCCEEDED"
    first, *slices = batch.events_of("SyncUsers")
    assert first == {"run_id": RUN_ID, "chunk": 0, "start": 0, "end": 25, "probe": True, "limit": None}
    # Whether they may call is what each of them sees in the bucket: there the probe has left its word.
    assert len(slices) == 5
    assert all(event["circuit_breaker"] is True and "probe" not in event for event in slices)
    assert len(batch.events_of("CloseRun")) == 1


def test_run_goes_on_to_its_end_when_the_probe_fails_for_good() -> None:
    batch = open_batch(FunctionError("Runtime.ExitError"))

    execution = batch.run()

    assert execution.output["status"] == "COMPLETE"
    assert [event.get("probe", False) for event in batch.events_of("SyncUsers")] == [True] * 3 + [False] * 5


def test_nobody_is_probed_when_the_circuit_is_closed_or_nobody_is_listed() -> None:
    for batch in (Batch(), open_batch("open", chunks=[], users_listed=0)):
        batch.run()

        assert not any(event.get("probe") for event in batch.events_of("SyncUsers"))


@pytest.mark.parametrize(("setting", "is_on"), [("ENABLED", True), ("DISABLED", False)])
def test_functions_are_told_whether_there_is_a_circuit_breaker(setting: str, is_on: bool) -> None:
    batch = Batch()

    batch.run(CircuitBreaker=setting)

    events = [*batch.events_of("ListUsers"), *batch.events_of("SyncUsers")]
    assert {event["circuit_breaker"] for event in events} == {is_on}


@pytest.mark.parametrize("request_", [{"dry_run": True, "users": 40}, {"redrive_of": RUN_ID}])
def test_dry_run_and_redrive_probe_the_partner_as_any_run(request_: dict[str, Any]) -> None:
    batch = open_batch("closed", dry_run="dry_run" in request_)

    assert batch.run(request_).status == "SUCCEEDED"
    assert batch.events_of("SyncUsers")[0]["probe"] is True


def test_probe_is_told_of_the_limit_as_the_slices_are() -> None:
    batch = open_batch("closed")

    batch.run(**LIMITS)

    probe, *slices = batch.events_of("SyncUsers")
    assert probe["probe"]
    assert probe["limit"] is not None
    assert all(event["limit"] == probe["limit"] for event in slices)
