"""The real SAM CLI and AWS CLI, from their own environment (.venv-sam)."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SAM_BIN = ROOT / ".venv-sam" / "bin"
TEMPLATE = ROOT / "template.yaml"
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
TIMEOUT_SECONDS = 300
# Two parameters say what machine the code is built for; without a default there are two more.
PARAMETERS = [
    f"Runtime=python{PYTHON_VERSION}", f"Architecture={ARCHITECTURE}", "TenantGroup=example",
    "PartnerApiUrl=https://partner.example.com/v1", "DatabaseMode=direct", "DatabaseAuth=password", "DatabaseTls=off",
    "MigrationUser=express_batch",
]  # fmt: skip


class Invoked(NamedTuple):
    """What `sam local invoke` came to."""

    answer: Any
    log: str


class SamCli:
    """SAM CLI with settings of its own (in `work_dir`) and no more of this process' environment than it needs."""

    def __init__(self, work_dir: Path, environment: Mapping[str, str]) -> None:
        if not (SAM_BIN / "sam").is_file():
            raise RuntimeError(f"{SAM_BIN / 'sam'} is missing: `make test-sam` installs it")
        self.work_dir = work_dir
        self.environment = {
            # `python3` of the layers' Makefiles is the one that runs the tests; SAM wants that version by its name too.
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": os.environ.get("HOME", str(work_dir)),  # pip's settings and cache
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "__SAM_CLI_APP_DIR": str(work_dir / "app"),
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_CHECK_VERSION": "0",
            "LAMBDA_PYTHON_VERSION": PYTHON_VERSION,
            "LAMBDA_ARCHITECTURE": ARCHITECTURE,
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            **environment,
        }

    def build(self) -> Path:
        """The built template. Layers by their Makefiles, for this machine's Python and architecture."""
        folder = self.work_dir / "build"
        command = ["build", "--template", str(TEMPLATE), "--build-dir", str(folder), "--parallel"]
        self.run([*command, "--parameter-overrides", *PARAMETERS])
        return folder / "template.yaml"

    def invoke(self, template: Path, function: str, event: object, variables: Path) -> Invoked:
        """`sam local invoke` of a logical id; an answer of the handler's that is an error is an answer too."""
        done = self.run(
            ["local", "invoke", function, "--event", "-", *self.local_options(template, variables)],
            stdin=json.dumps(event),
        )
        try:
            return Invoked(json.loads(done.stdout), done.stderr)
        except json.JSONDecodeError as error:
            raise RuntimeError(f"sam local invoke {function} printed {done.stdout!r}\n{done.stderr}") from error

    def local_options(self, template: Path, variables: Path) -> list[str]:
        """What `local invoke` and `local start-lambda` both need."""
        options = ["--template", str(template), "--env-vars", str(variables), "--skip-pull-image"]
        options += ["--layer-cache-basedir", str(self.work_dir / "layers")]
        return [*options, "--parameter-overrides", *PARAMETERS]

    def run(self, arguments: Sequence[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """The ended command. Raises RuntimeError with what it wrote unless its status is 0."""
        done = subprocess.run(
            [str(SAM_BIN / "sam"), *arguments],
            env=self.environment, cwd=self.work_dir, input=stdin, capture_output=True, text=True, check=False,
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(
                f"`sam {' '.join(arguments[:3])}` ended with {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done
