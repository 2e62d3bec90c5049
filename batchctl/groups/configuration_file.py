"""A group's template configuration file, from which CodePipeline takes parameters and tags of the stack."""

import json

from batchctl.groups.group import TenantGroup


def render_configuration(group: TenantGroup) -> str:
    """JSON with Parameters and Tags, all texts.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html
    """
    return (
        json.dumps({"Parameters": group.stack_parameters, "Tags": group.stack_tags}, indent=2, ensure_ascii=False)
        + "\n"
    )
