"""Bounds of the property tests. That they try the same examples each time is said in tests/conftest.py."""

from hypothesis import HealthCheck, settings

# No deadline: two busy cores. No database of examples: a run leaves nothing behind and depends on nothing.
BOUNDED = settings(deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])
# Examples share the test's connection and empty the tables by themselves.
BOUNDED_WITH_DATABASE = settings(
    BOUNDED, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
