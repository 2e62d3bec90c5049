"""Carries out the call of a Task: a Lambda function or another AWS API."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from emulator.errors import AwsError
from emulator.step_functions.document import MAX_BYTES, Document, JsonValue, count_bytes, encode_json, parse_json
from emulator.step_functions.failures import RUNTIME, EvaluationError, StateFailedError, data_limit_exceeded
from emulator.step_functions.nested_execution import wait_for_execution
from emulator.step_functions.ports import InvokeAnswer, LambdaInvoker, SdkCaller
from emulator.step_functions.resources import Resource
from emulator.step_functions.sdk_catalog import optimized_failure, sdk_failure
from emulator.step_functions.sdk_shapes import from_api, to_api

_INVOKE_PARAMETERS = frozenset({"FunctionName", "Payload", "Qualifier", "InvocationType", "ClientContext", "LogType"})


class TaskRunner:
    """Calls functions and APIs for executions.

    A call whose state times out or is stopped goes on, and its answer is dropped, as on AWS; `close` ends such calls.
    """

    def __init__(self, lambda_invoker: LambdaInvoker, sdk_caller: SdkCaller) -> None:
        self._lambda = lambda_invoker
        self._sdk = sdk_caller
        self._calls: set[asyncio.Task[Any]] = set()

    async def run(
        self,
        resource: Resource,
        parameters: JsonValue,
        trace_header: str | None,
        submitted: Callable[[Document], None] = lambda _: None,
    ) -> Document:
        """The result of the task; raises StateFailedError with AWS's error name.

        `submitted` is told what a task has started that waits for its end.
        """
        if resource.kind == "lambda_function":
            return await self._invoke(resource.text, parameters, trace_header)
        if resource.kind == "lambda_invoke":
            return await self._invoke_with_metadata(parameters, trace_header)
        result = await self._call_api(resource, parameters)
        if not resource.waits:
            return result
        submitted(result)
        assert isinstance(result.value, dict)
        return await wait_for_execution(self._sdk, str(result.value["ExecutionArn"]), resource.waits)

    async def close(self) -> None:
        """Ends the calls that nobody waits for any more."""
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _detached(self, call: Any) -> Any:
        task = asyncio.ensure_future(call)
        self._calls.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as seen: the state that asked may be gone

    async def _request(
        self, function: str, payload: JsonValue, trace_header: str | None
    ) -> tuple[InvokeAnswer, Document]:
        text = encode_json(payload)
        if count_bytes(text) > MAX_BYTES:
            raise data_limit_exceeded("lambda")
        try:
            answer: InvokeAnswer = await self._detached(
                self._lambda.invoke(function, text.encode("utf-8", "surrogatepass"), trace_header=trace_header)
            )
        except AwsError as error:
            raise _lambda_refusal(error) from error
        answer_text = answer.payload.decode() if answer.payload else "null"
        if answer.function_error is not None:
            raise _function_failure(answer_text)
        # Whatever white space the function's runtime wrote does not count: the service keeps compact JSON.
        return answer, Document(parse_json(answer_text))

    async def _invoke(self, function: str, payload: JsonValue, trace_header: str | None) -> Document:
        _answer, result = await self._request(function, payload, trace_header)
        if result.exceeds():
            raise data_limit_exceeded(function)
        return result

    async def _invoke_with_metadata(self, parameters: JsonValue, trace_header: str | None) -> Document:
        if not isinstance(parameters, dict) or not isinstance(parameters.get("FunctionName"), str):
            raise EvaluationError(RUNTIME, "The field 'FunctionName' is required but was missing")
        unknown = set(parameters) - _INVOKE_PARAMETERS
        if unknown:
            raise EvaluationError(RUNTIME, f"The field '{min(unknown)}' is not supported by Step Functions")
        if parameters.get("InvocationType", "RequestResponse") != "RequestResponse":
            raise EvaluationError(RUNTIME, "not implemented by this emulator: another InvocationType")
        function = parameters["FunctionName"]
        if "Qualifier" in parameters:
            function = f"{function}:{parameters['Qualifier']}"
        answer, payload = await self._request(function, parameters.get("Payload", {}), trace_header)
        # The text is put together from the payload's own, so that a large one is not written twice.
        version, request_id = encode_json(answer.executed_version), encode_json(answer.request_id)
        metadata = _http_metadata(answer, trace_header)
        whole = (
            f'{{"ExecutedVersion":{version},"Payload":{payload.text},"SdkHttpMetadata":{encode_json(metadata)},'
            f'"SdkResponseMetadata":{{"RequestId":{request_id}}},"StatusCode":{answer.status_code}}}'
        )
        if count_bytes(whole) > MAX_BYTES:
            raise data_limit_exceeded("lambda")
        value = {
            "ExecutedVersion": answer.executed_version,
            "Payload": payload.value,
            "SdkHttpMetadata": metadata,
            "SdkResponseMetadata": {"RequestId": answer.request_id},
            "StatusCode": answer.status_code,
        }
        return Document(value, whole)

    async def _call_api(self, resource: Resource, parameters: JsonValue) -> Document:
        action = resource.action
        assert action is not None
        if not isinstance(parameters, dict):
            raise EvaluationError(RUNTIME, "The Parameters of the Task must be an object")
        try:
            request = to_api(action.model.input_shape, parameters)
            response = await self._detached(self._sdk.call(action.service, action.operation, request))
        except ValueError as error:
            raise EvaluationError(
                RUNTIME, f"The Parameters '{encode_json(parameters)}' could not be used to start the Task: [{error}]"
            ) from error
        except AwsError as error:
            if resource.names is None:
                raise sdk_failure(action, error) from error
            raise optimized_failure(action, resource.names.prefix, resource.names.fallback, error) from error
        result = from_api(action.model.output_shape, response)
        if resource.names is not None:
            _finish_optimized(resource, result, response)
        document = Document(result)
        if document.exceeds():
            raise data_limit_exceeded(resource.resource_type)
        return document


def _finish_optimized(resource: Resource, result: dict[str, Any], response: dict[str, Any]) -> None:
    assert resource.names is not None
    if resource.resource == "putEvents" and result.get("FailedEntryCount", 0) > 0:
        # Source: https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
        raise StateFailedError("EventBridge.FailedEntry", encode_json(result))
    if resource.names.has_metadata:
        metadata = response.get("ResponseMetadata", {})
        result["SdkHttpMetadata"] = {"HttpStatusCode": metadata.get("HTTPStatusCode", 200)}
        result["SdkResponseMetadata"] = {"RequestId": metadata.get("RequestId", "emulated")}


def _http_metadata(answer: InvokeAnswer, trace_header: str | None) -> dict[str, Any]:
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(len(answer.payload)),
        "Content-Type": "application/json",
        "X-Amz-Executed-Version": answer.executed_version,
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": answer.request_id,
    }
    if trace_header is not None:
        headers["X-Amzn-Trace-Id"] = trace_header
    return {
        "AllHttpHeaders": {name: [value] for name, value in headers.items()},
        "HttpHeaders": headers,
        "HttpStatusCode": answer.status_code,
    }


def _lambda_refusal(error: AwsError) -> StateFailedError:
    # Source: https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
    code = error.code if error.code.endswith("Exception") else "AWSLambdaException"
    cause = (
        f"{error.message} (Service: AWSLambda; Status Code: {error.status}; Error Code: {error.code}; "
        "Request ID: emulated; Proxy: null)"
    )
    return StateFailedError(f"Lambda.{code}", cause)


def _function_failure(text: str) -> StateFailedError:
    """The failure that a function reports: its exception's class name, and its whole answer as the cause.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html (Lambda.Unknown)
    """
    try:
        answer = json.loads(text)
    except json.JSONDecodeError:
        answer = text
    name = answer.get("errorType") if isinstance(answer, dict) else None
    if not isinstance(name, str) or not name:
        return StateFailedError(
            "Lambda.Unknown",
            "The cause could not be determined because Lambda did not return an error type. "
            f"Returned payload: {encode_json(answer)}",
        )
    return StateFailedError(name, encode_json(answer))
