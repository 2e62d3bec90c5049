"""All scenarios, in the order of the table: those that share a stack stand together."""

from chaos.scenario import Scenario
from chaos.scenarios import clocks, database, lambdas, partner, releases, storage, streams

SCENARIOS: tuple[Scenario, ...] = (
    *lambdas.SCENARIOS,
    *streams.SCENARIOS,
    *storage.SCENARIOS,
    *database.SCENARIOS,
    *partner.SCENARIOS,
    *releases.SCENARIOS,
    *clocks.SCENARIOS,
)
