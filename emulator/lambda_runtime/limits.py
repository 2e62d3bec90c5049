"""Lambda's quotas and the wording it uses when one is passed.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

# Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
SYNCHRONOUS_PAYLOAD_BYTES = 6 * 1024 * 1024
ASYNCHRONOUS_PAYLOAD_BYTES = 1024 * 1024
# The service says 6291556 for responses: 6 MiB and 100 bytes.
RESPONSE_PAYLOAD_BYTES = SYNCHRONOUS_PAYLOAD_BYTES + 100

MINIMUM_TIMEOUT_SECONDS = 1
MAXIMUM_TIMEOUT_SECONDS = 900
DEFAULT_TIMEOUT_SECONDS = 3
MINIMUM_MEMORY_MB = 128
MAXIMUM_MEMORY_MB = 10_240
DEFAULT_MEMORY_MB = 128
MAXIMUM_LAYERS = 5
MAXIMUM_ENVIRONMENT_BYTES = 4096
ZIPPED_UPLOAD_BYTES = 50 * 1024 * 1024
UNZIPPED_BYTES = 250 * 1024 * 1024

# Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
INIT_SECONDS = 10.0

# Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
ACCOUNT_CONCURRENCY = 1000
MINIMUM_UNRESERVED_CONCURRENCY = 100

# Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (LogType)
LOG_TAIL_BYTES = 4096
