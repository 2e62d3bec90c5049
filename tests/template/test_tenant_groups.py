"""Every committed tenant group has parameters that the template takes."""

from pathlib import Path

import pytest

from emulator.stack import list_tenant_groups, read_tenant_group
from tests.template.project_template import LOCAL, ROOT, plan_project

_FOLDER = ROOT / "pipeline/tenant-groups"


def test_tenant_groups_exist_when_they_are_looked_for() -> None:
    # Without this the parametrised test below could pass by being empty.
    assert "example" in list_tenant_groups(_FOLDER)


@pytest.mark.parametrize("name", list_tenant_groups(_FOLDER))
def test_tenant_group_is_taken_by_the_template_when_it_runs_on_this_machine(tmp_path: Path, name: str) -> None:
    plan = plan_project({**read_tenant_group(name, _FOLDER), **LOCAL, "TenantGroup": name}, tmp_path)

    assert plan.parameters["TenantGroup"] == name
