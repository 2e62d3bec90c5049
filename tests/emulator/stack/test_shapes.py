"""Properties take the types and the spelling of the operation's own model."""

import pytest

from emulator.stack import TemplateError
from emulator.stack.shapes import shape_parameters, to_boolean, to_text


def test_shape_parameters_makes_numbers_booleans_and_text_when_they_are_written_otherwise() -> None:
    shaped = shape_parameters(
        "lambda", "CreateFunction", {"Timeout": "60", "Publish": "true", "Environment": {"Variables": {"A": 1}}}, "Job"
    )

    assert shaped == {"Timeout": 60, "Publish": True, "Environment": {"Variables": {"A": "1"}}}


def test_shape_parameters_spells_as_the_service_does_when_the_template_spells_otherwise() -> None:
    properties = {
        "RoleArn": "arn:role",
        "LoggingConfiguration": {
            "Level": "ERROR",
            "IncludeExecutionData": "false",
            "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "arn:logs"}}],
        },
    }

    assert shape_parameters("stepfunctions", "CreateStateMachine", properties, "Machine") == {
        "roleArn": "arn:role",
        "loggingConfiguration": {
            "level": "ERROR",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:logs"}}],
        },
    }


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"Timeout": "soon"}, r"Job\.Timeout has to be a number, not 'soon'"),
        ({"Publish": "maybe"}, r"Job\.Publish has to be true or false, not 'maybe'"),
        ({"Environment": {"Vars": {}}}, r"Job\.Environment has no Vars, only Variables"),
        ({"Environment": "A=1"}, r"Job\.Environment has to be a map"),
    ],
)
def test_shape_parameters_names_the_place_when_the_value_does_not_fit(
    properties: dict[str, object], message: str
) -> None:
    with pytest.raises(TemplateError, match=message):
        shape_parameters("lambda", "CreateFunction", dict(properties), "Job")


def test_to_text_gives_json_when_the_value_is_a_document() -> None:
    assert [to_text(value) for value in ({"A": [1]}, True, 5, "x")] == ['{"A": [1]}', "true", "5", "x"]


def test_to_boolean_takes_text_when_a_parameter_made_it() -> None:
    assert to_boolean("false", "Job.Publish") is False
