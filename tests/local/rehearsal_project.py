"""A project with tenant groups of a test's own, and everything else this project's."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BORROWED = (
    "template.yaml",
    "statemachines",
    "functions",
    "layers",
    "batchctl",
    "migrations",
    "pipeline/tenant-group.schema.json",
    "pipeline/group-deployer.yaml",
)
PARAMETERS = """\
parameters:
  PartnerApiUrl: https://partner.example.com
  DatabaseHost: proxy.example.com
  DatabaseResourceId: prx-0123456789abcdef0
  VpcId: vpc-0123456789abcdef0
  SubnetIds: subnet-0123456789abcdef0,subnet-0123456789abcdef1
  DatabaseSecurityGroupId: sg-0123456789abcdef0
"""


def make_project(folder: Path, waves: dict[str, int], **parameters: str) -> Path:
    """The project's root; `waves` are its groups with the wave of each."""
    groups = folder / "pipeline" / "tenant-groups"
    groups.mkdir(parents=True)
    for name in BORROWED:
        (folder / name).symlink_to(ROOT / name)
    more = "".join(f"  {name}: {value}\n" for name, value in parameters.items())
    for name, wave in waves.items():
        head = f'description: {name}\nwave: {wave}\naccount: "111122223333"\nregion: us-east-1\n'
        (groups / f"{name}.yaml").write_text(head + PARAMETERS + more)
    return folder
