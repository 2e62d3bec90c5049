"""A tenant group's parameters come from its own file."""

from pathlib import Path

import pytest

from emulator.stack import ParameterError, UnknownTenantGroupError, list_tenant_groups, read_tenant_group


def test_read_tenant_group_gives_text_and_the_name_when_the_file_has_parameters(tmp_path: Path) -> None:
    (tmp_path / "north.yaml").write_text("wave: 1\nparameters:\n  ChunkSize: 500\n  SubnetIds: [a, b]\n")

    assert read_tenant_group("north", tmp_path) == {"ChunkSize": "500", "SubnetIds": "a,b", "TenantGroup": "north"}


def test_read_tenant_group_lists_the_known_ones_when_the_group_is_unknown(tmp_path: Path) -> None:
    for name in ("south", "north"):
        (tmp_path / f"{name}.yaml").write_text("parameters: {}")

    with pytest.raises(UnknownTenantGroupError, match=r"'west' is unknown.*known groups: north, south"):
        read_tenant_group("west", tmp_path)


def test_read_tenant_group_refuses_a_path_when_it_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "groups").mkdir()
    (tmp_path / "secret.yaml").write_text("parameters: {}")

    with pytest.raises(UnknownTenantGroupError):
        read_tenant_group("../secret", tmp_path / "groups")


@pytest.mark.parametrize("content", ["", "parameters: [a]", "ChunkSize: 5"])
def test_read_tenant_group_refuses_the_file_when_it_has_no_map_of_parameters(tmp_path: Path, content: str) -> None:
    (tmp_path / "north.yaml").write_text(content)

    with pytest.raises(ParameterError, match="has no map `parameters:`"):
        read_tenant_group("north", tmp_path)


def test_read_tenant_group_refuses_the_file_when_it_names_another_group(tmp_path: Path) -> None:
    (tmp_path / "north.yaml").write_text("parameters: {TenantGroup: south}")

    with pytest.raises(ParameterError, match="TenantGroup is 'south', but the file's name says 'north'"):
        read_tenant_group("north", tmp_path)


def test_list_tenant_groups_is_empty_when_there_is_no_folder(tmp_path: Path) -> None:
    assert list_tenant_groups(tmp_path / "nowhere") == []
