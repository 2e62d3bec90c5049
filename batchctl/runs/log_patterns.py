"""Filter patterns of CloudWatch Logs for the lines that a run is read from.

Syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""


def of_run(run_id: str) -> str:
    """Every line that names the run."""
    return f'{{ $.run_id = "{run_id}" }}'


def of_message(message: str) -> str:
    """The lines of all runs with this message."""
    return f'{{ $.message = "{message}" }}'


def of_run_and_message(run_id: str, message: str) -> str:
    """One kind of line of one run."""
    return f'{{ ($.run_id = "{run_id}") && ($.message = "{message}") }}'


# What Lambda itself and the runtime client say of an invocation, in the text and in the JSON format; no line of these
# names a run. `errorType` stands in the runtime client's JSON lines.
OF_THE_PLATFORM = '?"REPORT RequestId" ?"platform.report" ?"[ERROR]" ?"Task timed out" ?"Runtime exited" ?"errorType"'


def of_request(request_id: str) -> str:
    """Every line with the request id in it, Lambda's own among them."""
    return f'"{request_id}"'
