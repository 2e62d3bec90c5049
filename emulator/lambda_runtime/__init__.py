"""Lambda on one machine: AWS's Runtime API, one process an environment, AWS's own runtime interface client."""

from emulator.lambda_runtime.errors import ThrottledError
from emulator.lambda_runtime.invocation import InvocationReport, InvokeResult
from emulator.lambda_runtime.runtime_files import RuntimeInstallError, prepare_runtime
from emulator.lambda_runtime.service import LambdaService

__all__ = [
    "InvocationReport",
    "InvokeResult",
    "LambdaService",
    "RuntimeInstallError",
    "ThrottledError",
    "prepare_runtime",
]
