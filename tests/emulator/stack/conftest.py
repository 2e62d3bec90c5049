"""Small templates in a folder of the test's own, loaded as stacks."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.identity import Identity
from emulator.stack import StackPlan, load_stack
from tests.emulator.stack.loader import Loader


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    """load(template as a map or YAML text, **parameters) -> the plan."""

    def load_template(
        template: dict[str, Any] | str, imports: dict[str, str] | None = None, **parameters: Any
    ) -> StackPlan:
        path = tmp_path / "template.yaml"
        path.write_text(template if isinstance(template, str) else yaml.safe_dump(template, sort_keys=False))
        return load_stack(
            path, parameters, stack_name="demo", identity=Identity(), cache_dir=tmp_path / "cache", imports=imports
        )

    return load_template
