"""Where the source of the tenant groups is, and where render writes."""

from dataclasses import dataclass
from pathlib import Path

from batchctl.project_tree import PROJECT_ROOT


@dataclass(frozen=True)
class Project:
    """The files of one project, by what they are for."""

    root: Path = PROJECT_ROOT

    @property
    def template(self) -> Path:
        """One tenant group's stack."""
        return self.root / "template.yaml"

    @property
    def groups(self) -> Path:
        """One file for each tenant group: the source."""
        return self.root / "pipeline" / "tenant-groups"

    @property
    def schema(self) -> Path:
        """JSON schema of a tenant group's file."""
        return self.root / "pipeline" / "tenant-group.schema.json"

    @property
    def base_pipeline(self) -> Path:
        """The hand-written pipeline, to which render adds the stages of the waves."""
        return self.root / "pipeline" / "codepipeline.yaml"

    @property
    def base_fleet(self) -> Path:
        """The hand-written dashboard, into which render puts the groups."""
        return self.root / "pipeline" / "fleet-dashboard.yaml"

    @property
    def group_deployer(self) -> Path:
        """The state machine that deploys a group, for each account and region."""
        return self.root / "pipeline" / "group-deployer.yaml"

    @property
    def samconfig(self) -> Path:
        """Settings of the SAM CLI, of which render writes the part between the markers."""
        return self.root / "samconfig.toml"

    @property
    def rendered(self) -> Path:
        """Nothing here is written by hand."""
        return self.root / "pipeline" / "rendered"

    @property
    def rendered_pipeline(self) -> Path:
        """The pipeline with its waves, ready for `sam deploy`."""
        return self.rendered / "codepipeline.yaml"

    @property
    def rendered_fleet(self) -> Path:
        """The dashboards of all groups, ready for `sam deploy`."""
        return self.rendered / "fleet.yaml"

    @property
    def configurations(self) -> Path:
        """A CloudFormation template configuration file for each group."""
        return self.rendered / "configurations"

    @property
    def places(self) -> Path:
        """Which stage each group is in, so that it stays there."""
        return self.rendered / "places.yaml"

    def show(self, path: Path) -> str:
        """The path as errors name it, from the project's root."""
        return path.relative_to(self.root).as_posix()
