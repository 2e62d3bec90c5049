"""Groups that share a partner's limits find one table, in time, and say the same of the partner."""

from pathlib import Path
from typing import Any

import pytest

from batchctl.groups.errors import GroupProblemsError
from batchctl.groups.partner_limits import table_of
from batchctl.groups.reading import read_groups
from emulator.stack.template_file import read_template
from tests.batchctl.groups.groups_project import make_content, make_project

_LIMITS = {"CallsPerSecond": 500, "PartnerCallsInFlight": 800, "PartnerName": "loyalty"}
_SHARED = {**_LIMITS, "PartnerLimitTableName": "express-batch-alpha-PartnerLimits"}


def _owner(**changes: Any) -> dict[str, Any]:
    return make_content(**{"wave": 0, "parameters": _LIMITS, **changes})


def _sharer(**changes: Any) -> dict[str, Any]:
    return make_content(**{"wave": 1, **changes, "parameters": {**_SHARED, **changes.get("parameters", {})}})


def test_check_takes_groups_when_they_share_a_table_that_is_made_before(tmp_path: Path) -> None:
    other_partner = {"PartnerName": "mail", "CallsPerSecond": 20, "PartnerCallsInFlight": 0}
    groups = {
        "alpha": _owner(),
        "beta": _sharer(),
        "gamma": _sharer(parameters=other_partner),
        "delta": make_content(0, region="eu-west-1", parameters={"CallsPerSecond": 100}),
    }

    assert len(read_groups(make_project(tmp_path, groups))) == 4


def test_check_expects_the_table_by_the_name_that_the_template_gives_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"alpha": _owner(stack="stack-of-alpha")})
    (alpha,) = read_groups(project)
    table = read_template(project.template)["Resources"]["PartnerLimitTable"]["Properties"]

    assert table["TableName"]["Fn::Sub"].replace("${AWS::StackName}", "stack-of-alpha") == table_of(alpha)


@pytest.mark.parametrize(
    ("alpha", "beta", "problem"),
    [
        (
            _owner(),
            _sharer(parameters={"PartnerLimitTableName": "express-batch-alfa-PartnerLimits"}),
            "parameters.PartnerLimitTableName: no group has express-batch-alfa-PartnerLimits in account 111122223333,"
            " us-east-1: expected <stack>-PartnerLimits of another group there",
        ),
        (
            _owner(region="eu-west-1"),
            _sharer(),
            "parameters.PartnerLimitTableName: express-batch-alpha-PartnerLimits is of alpha in account 111122223333,"
            " eu-west-1: limits are shared in one account and region alone",
        ),
        (
            _owner(account="444455556666"),
            _sharer(),
            "parameters.PartnerLimitTableName: express-batch-alpha-PartnerLimits is of alpha in account 444455556666,",
        ),
        (
            make_content(0),
            _sharer(),
            "parameters.PartnerLimitTableName: alpha makes no table of its own: it needs CallsPerSecond or",
        ),
        (
            _owner(),
            _sharer(parameters={"PartnerLimitTableName": "express-batch-beta-PartnerLimits"}),
            "parameters.PartnerLimitTableName: beta makes no table of its own",
        ),
        (
            _owner(),
            _sharer(wave=0),
            "parameters.PartnerLimitTableName: alpha makes express-batch-alpha-PartnerLimits in wave 0, and this group,"
            " in wave 0, needs it before",
        ),
        (
            _owner(),
            _sharer(parameters={"CallsPerSecond": 300}),
            "parameters.CallsPerSecond: 300 is not the 500 of alpha, with which it shares the limits of loyalty: give",
        ),
        (
            _owner(),
            _sharer(parameters={"PartnerCallsInFlight": 0}),
            "parameters.PartnerCallsInFlight: 0 is not the 800 of alpha",
        ),
    ],
)
def test_check_refuses_a_group_when_its_limits_cannot_be_shared(
    tmp_path: Path, alpha: dict[str, Any], beta: dict[str, Any], problem: str
) -> None:
    with pytest.raises(GroupProblemsError) as caught:
        read_groups(make_project(tmp_path, {"alpha": alpha, "beta": beta}))

    (found,) = caught.value.problems
    assert found.startswith(f"pipeline/tenant-groups/beta.yaml: {problem}")


def test_check_compares_sharers_of_one_partner_when_the_table_is_made_for_another(tmp_path: Path) -> None:
    mail = {"PartnerName": "mail", "CallsPerSecond": 20}
    groups = {
        "alpha": _owner(),
        "beta": _sharer(parameters=mail),
        "gamma": _sharer(parameters={**mail, "CallsPerSecond": 21}),
    }

    with pytest.raises(GroupProblemsError) as caught:
        read_groups(make_project(tmp_path, groups))

    assert caught.value.problems == [
        "pipeline/tenant-groups/gamma.yaml: parameters.CallsPerSecond: 21 is not the 20 of beta, with which it shares"
        " the limits of mail: give the same"
    ]
