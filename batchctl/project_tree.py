"""Where things are in the project that batchctl stands in."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = PROJECT_ROOT / "template.yaml"
MIGRATIONS = PROJECT_ROOT / "migrations"
TENANT_GROUPS = PROJECT_ROOT / "pipeline" / "tenant-groups"
STATE_DIR = PROJECT_ROOT / ".local"  # what runs on this machine leave behind
