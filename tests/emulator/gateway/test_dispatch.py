"""Which requests are answered here and which go on."""

import pytest
from multidict import CIMultiDict

from emulator.gateway.dispatch import Dispatcher, signed_service
from tests.emulator.gateway.fakes import FakeService

SIGNATURE = "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def find(dispatcher: Dispatcher, method: str, path: str, query: str = "", **headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    service = dispatcher.find(method, path, query, CIMultiDict(named))
    return None if service is None else service.name


@pytest.fixture
def dispatcher() -> Dispatcher:
    return Dispatcher({"states": FakeService(), "lambda": FakeService(), "xray": FakeService()})


def test_target_decides_when_the_request_has_one(dispatcher: Dispatcher) -> None:
    assert find(dispatcher, "POST", "/", X_Amz_Target="AWSStepFunctions.StartExecution") == "states"
    assert find(dispatcher, "POST", "/", X_Amz_Target="DynamoDB_20120810.GetItem") is None


def test_signature_decides_when_there_is_no_target(dispatcher: Dispatcher) -> None:
    # An S3 key that looks like a path of Lambda's API stays S3's.
    path = "/2015-03-31/functions"
    assert find(dispatcher, "GET", path, Authorization=SIGNATURE.format("lambda")) == "lambda"
    assert find(dispatcher, "GET", path, Authorization=SIGNATURE.format("s3")) is None


def test_path_decides_when_the_request_is_not_signed(dispatcher: Dispatcher) -> None:
    assert find(dispatcher, "POST", "/2015-03-31/functions/f/invocations") == "lambda"
    assert find(dispatcher, "POST", "/GetSamplingRules") == "xray"
    assert find(dispatcher, "GET", "/bucket/key") is None


def test_presigned_url_goes_on_when_its_path_looks_like_another_services(dispatcher: Dispatcher) -> None:
    assert find(dispatcher, "GET", "/2015-03-31/functions", "X-Amz-Algorithm=AWS4-HMAC-SHA256") is None


def test_signed_service_is_none_when_the_scope_is_cut_short() -> None:
    assert signed_service({"Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20261122"}) is None
    assert signed_service({"Authorization": "Bearer token"}) is None


def test_registration_is_refused_by_name_when_the_service_is_unknown() -> None:
    with pytest.raises(ValueError, match="cannot serve glue"):
        Dispatcher({"glue": FakeService()})


def test_mappings_need_lambda_when_they_are_registered() -> None:
    with pytest.raises(ValueError, match="register lambda too"):
        Dispatcher({"event-source-mappings": FakeService()})
