"""`sam validate --lint` of the deployable template, in the regions that it is deployed to."""

import pytest

from tests.sam.sam_cli import TEMPLATE, SamCli


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1"])
def test_template_is_valid_in_region(sam: SamCli, region: str) -> None:
    done = sam.run(["validate", "--lint", "--template", str(TEMPLATE), "--region", region])

    assert "is a valid SAM Template" in done.stdout
