"""cfn-lint finds nothing in the template, in the regions that the project supports."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.template.project_template import TEMPLATE


# A call for each region: for both at once cfn-lint tries so many combinations of conditions that it takes minutes.
@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1"])
def test_template_has_no_finding_when_cfn_lint_reads_it(region: str) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(TEMPLATE), "--regions", region]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
