"""What DeployGroup is started with for one group."""

from collections.abc import Mapping
from typing import Any


def make_deployment(
    group: str, stack_name: str, parameters: Mapping[str, str], tags: Mapping[str, str], template_url: str
) -> dict[str, Any]:
    """The input of statemachines/deploy_group.asl.json, with parameters and tags as CreateChangeSet takes them."""
    return {
        "group": group,
        "stack_name": stack_name,
        "template_url": template_url,
        "parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
