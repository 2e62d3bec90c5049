"""The names of all faults, as the statistics count them and overrides ask for them."""

NO_FAULT = "none"
ERRORS = ("error_500", "error_502", "error_503")
THROTTLE = "throttle"
TIMEOUT = "timeout"
DROP = "drop"
NOT_FOUND = "not_found"

# Each breaks the contract beyond dispute: a client that writes a row from one of them has a bug.
MALFORMED_KINDS = (
    "not_json",
    "html_page",
    "empty_body",
    "not_an_object",
    "invalid_utf8",
    "deep_nesting",
    "truncated_body",
    "missing_field",
    "null_field",
    "wrong_type",
    "boolean_points",
    "fractional_points",
    "not_a_number",
    "out_of_range",
    "unknown_tier",
    "bad_date",
    "other_user",
)
OVERSIZED = "oversized"  # asks for the option max_body
MALFORMED_PREFIX = "malformed_"
MALFORMED = tuple(MALFORMED_PREFIX + kind for kind in (*MALFORMED_KINDS, OVERSIZED))

FAULT_NAMES = (*ERRORS, THROTTLE, TIMEOUT, DROP, NOT_FOUND, *MALFORMED)

# Refusals by the caps max_calls_per_second and max_in_flight: they hang on the clock, so no seed repeats them.
LIMIT_RATE = "limit_calls_per_second"
LIMIT_IN_FLIGHT = "limit_in_flight"
