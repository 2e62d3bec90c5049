"""S3: errors, latency, an answer that is lost."""

from collections.abc import Sequence

from chaos.scenario import Scenario, armed
from emulator.faults import ALWAYS, AnswerError, Delay, Effect, Fault, LoseAnswer, Scope, Trigger, share_of_calls


def _scenario(name: str, what: str, survives: str, *hits: tuple[Effect, str, float]) -> Scenario:
    def make(fault_name: str, seed: int) -> Sequence[Fault]:
        return [
            Fault(fault_name, effect, Scope("s3", operation), _trigger(share, seed + number))
            for number, (effect, operation, share) in enumerate(hits)
        ]

    return Scenario(name, what, survives, armed(make, name))


def _trigger(share: float, seed: int) -> Trigger:
    return ALWAYS if share >= 1 else share_of_calls(share, seed)


SCENARIOS = (
    _scenario(
        "storage-unavailable",
        "S3 answers 500 or 503 (SlowDown) to 40% of all requests",
        "four attempts a request, then the state machine's",
        (AnswerError(503, "SlowDown"), "", 0.25),
        (AnswerError(500, "InternalError"), "", 0.25),
    ),
    _scenario(
        "storage-slow", "each request to S3 takes 700 ms longer", "nothing waits for S3 alone", (Delay(0.7), "", 1.0)
    ),
    _scenario(
        "storage-answer-lost",
        "the connection breaks behind 40% of the writes to S3, the claim of the run among them",
        "writes are repeated; a claim that is the execution's own is one",
        (LoseAnswer(), "PutObject", 0.4),
    ),
)
