"""An interpreter of the Amazon States Language and the Step Functions API on top of it."""

from emulator.step_functions.execution import Execution
from emulator.step_functions.history import ExecutionEvent
from emulator.step_functions.ports import InvokeResult, LambdaInvoker, SdkCaller
from emulator.step_functions.service import StepFunctionsService

__all__ = ["Execution", "ExecutionEvent", "InvokeResult", "LambdaInvoker", "SdkCaller", "StepFunctionsService"]
