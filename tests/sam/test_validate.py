"""`sam validate --lint` of every deployable template, in the regions that they are deployed to."""

from pathlib import Path

import pytest

from tests.sam.sam_cli import ROOT, SamCli

TEMPLATES = [
    ROOT / "template.yaml",
    ROOT / "foundation" / "template.yaml",
    ROOT / "chaos" / "fis-experiments.yaml",
    *sorted((ROOT / "pipeline").glob("*.yaml")),
    ROOT / "pipeline" / "rendered" / "codepipeline.yaml",
    ROOT / "pipeline" / "rendered" / "fleet.yaml",
]


@pytest.fixture(scope="module")
def sam_offline(work_dir: Path) -> SamCli:
    """SAM CLI without credentials, engine or endpoint: to validate asks nobody."""
    return SamCli(work_dir, {"AWS_EC2_METADATA_DISABLED": "true"})


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1"])
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_is_valid_in_region(sam_offline: SamCli, template: Path, region: str) -> None:
    done = sam_offline.run(["validate", "--lint", "--template", str(template), "--region", region])

    assert "is a valid SAM Template" in done.stdout
