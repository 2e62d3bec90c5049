"""The pipeline's own parameters, as its update has to name them: python -m pipeline.keep_parameters STACKS TEMPLATE.

A CloudFormation action gives a parameter that its configuration does not name the template's default, and not the
value that the stack has. ParameterOverrides takes 1 KB, which a pipeline over several regions passes; a template
configuration file has no such limit.
Source: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.stack.template_file import read_template


def keep_parameters(stacks: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """A template configuration: the values that the stack has for the parameters that the template still takes.

    `stacks` is DescribeStacks' answer. Raises ValueError where a parameter without a default has no value.
    """
    (stack,) = stacks["Stacks"]
    values = {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])}
    wanted = template.get("Parameters") or {}
    missing = sorted(name for name, parameter in wanted.items() if name not in values and "Default" not in parameter)
    if missing:
        raise ValueError(
            f"stack {stack['StackName']} has no value for {', '.join(missing)}: "
            "deploy the rendered pipeline once by hand with this parameter"
        )
    return {"Parameters": {name: values[name] for name in wanted if name in values}}


def main(arguments: list[str]) -> int:
    """Print the configuration; status 1 and one line where it cannot be made."""
    stacks, template = map(Path, arguments)
    try:
        configuration = keep_parameters(json.loads(stacks.read_text(encoding="utf-8")), read_template(template))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(configuration, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
