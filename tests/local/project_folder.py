"""A folder with this project's template and another job, from which a stack can be made."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make_project(folder: Path, *, job: str) -> Path:
    """The template in that folder; `job` is the module's text, beside the example job, which it may import."""
    template = folder / "template.yaml"
    template.write_text((ROOT / "template.yaml").read_text())
    for name in ("functions", "batchctl", "migrations"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "layers" / "job" / "job").mkdir(parents=True)
    (folder / "layers" / "batch").symlink_to(ROOT / "layers" / "batch")
    for name in ("Makefile", "job/loyalty_points.py"):
        (folder / "layers" / "job" / name).write_text((ROOT / "layers" / "job" / name).read_text())
    (folder / "layers" / "job" / "job" / "another.py").write_text(job)
    (folder / "layers" / "job" / "job" / "__init__.py").write_text("from job import another as job\n")
    (folder / "statemachines").mkdir()
    for path in (ROOT / "statemachines").iterdir():
        (folder / "statemachines" / path.name).write_text(path.read_text())
    return template
