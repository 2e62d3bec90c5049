"""Bounds of the property tests, set on each test: a profile would be the whole session's, other folders' included."""

from hypothesis import HealthCheck, settings

# No deadline: two busy cores. No database of examples: a run leaves nothing behind and depends on nothing.
BOUNDED = settings(deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])
# Examples share the test's connection and empty the tables by themselves.
BOUNDED_WITH_DATABASE = settings(
    BOUNDED, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
