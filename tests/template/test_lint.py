"""cfn-lint finds nothing in the template, in the regions that the project supports."""

import subprocess
import sys
from pathlib import Path

from tests.template.project_template import TEMPLATE

_REGIONS = ("us-east-1", "ap-northeast-1")


def test_template_has_no_finding_when_cfn_lint_reads_it() -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(TEMPLATE), "--regions", *_REGIONS]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
