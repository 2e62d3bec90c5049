"""What each function and layer weighs: CPU time of its import, bytes when zipped.

`python bench/footprint.py --functions functions/* --layers .local/cache/*Layer-*.zip --env RUN_BUCKET=b ...`
A layer is a zip or a folder; its packages lie in python/, as SAM builds it, or at its top. Handlers read their settings
when they are imported, hence --env; what the runtime itself brings (boto3) comes from --path and weighs nothing.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from types import MappingProxyType

_SKIPPED = {"__pycache__", "Makefile"}
_MEGABYTE = 1_000_000
_PROGRAM = (
    "import sys, time; sys.path[:0] = sys.argv[2:]; start = time.process_time(); __import__(sys.argv[1]); "
    "print(time.process_time() - start)"
)


class FootprintError(RuntimeError):
    """A folder that is missing or cannot be imported; the message has the import's own error."""


def measure_import(
    folder: Path,
    module: str,
    search: Sequence[Path],
    runs: int,
    python: str,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> float:
    """Median CPU seconds that importing the handler takes in a fresh process, bytecode being cached."""
    command = [python, "-c", _PROGRAM, module, str(folder), *map(str, search)]
    # Lambda sets region and credentials in every environment.
    lambda_variables = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    lambda_variables |= {"AWS_ACCESS_KEY_ID": "footprint", "AWS_SECRET_ACCESS_KEY": "footprint"}
    environment = {**os.environ, **lambda_variables, **variables}
    seconds = []
    for _ in range(runs + 1):
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if result.returncode != 0:
            raise FootprintError(f"{folder}: `import {module}` fails: {result.stderr.strip().splitlines()[-1]}")
        seconds.append(float(result.stdout.split()[-1]))
    return median(seconds[1:])  # the first run may have compiled


def measure_zip(folder: Path) -> int:
    """Bytes of a zip, or of the folder as a deflated zip, caches left out."""
    if folder.is_file():
        return folder.stat().st_size
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in list_files(folder):
            archive.write(path, path.relative_to(folder))
    return buffer.getbuffer().nbytes


def list_files(folder: Path) -> Iterator[Path]:
    """The files that a deployment would carry."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not _SKIPPED & set(path.relative_to(folder).parts):
            yield path


def find_packages(layer: Path, scratch: Path) -> Path:
    """Where a layer's packages lie; a zip is unpacked below `scratch`."""
    if layer.is_file():
        target = scratch / layer.stem
        with zipfile.ZipFile(layer) as archive:
            archive.extractall(target)
        layer = target
    return layer / "python" if (layer / "python").is_dir() else layer


def parse_arguments() -> argparse.Namespace:
    """The command line; exits 2 where a folder is missing."""
    parser = argparse.ArgumentParser(description="Import CPU time and zipped size of functions and layers.")
    parser.add_argument("--functions", nargs="+", type=Path, default=[], metavar="FOLDER")
    parser.add_argument("--layers", nargs="+", type=Path, default=[], metavar="FOLDER|ZIP")
    parser.add_argument("--path", nargs="+", type=Path, default=[], metavar="FOLDER", help="also imported from")
    parser.add_argument("--env", nargs="+", default=[], metavar="NAME=VALUE", help="variables of the functions")
    parser.add_argument("--module", default="app", help="the handler's module (default app)")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--python", default=sys.executable, help="interpreter that imports (default: this one)")
    parser.add_argument("--json", action="store_true", help="print one object instead of a table")
    chosen = parser.parse_args()
    for folder in [*chosen.functions, *chosen.path]:
        if not folder.is_dir():
            parser.error(f"{folder} is no folder")
    for layer in chosen.layers:
        if not (layer.is_dir() or zipfile.is_zipfile(layer)):
            parser.error(f"{layer} is neither a folder nor a zip")
    wrong = [pair for pair in chosen.env if "=" not in pair]
    if wrong:
        parser.error(f"--env {wrong[0]}: expected NAME=VALUE")
    if chosen.runs < 1 or not (chosen.functions or chosen.layers):
        parser.error("give --functions or --layers, and at least one run")
    return chosen


def main() -> None:
    """Prints a line for each folder, and the total."""
    chosen = parse_arguments()
    variables = dict(pair.split("=", 1) for pair in chosen.env)
    with tempfile.TemporaryDirectory(prefix="footprint-") as scratch:
        search = [find_packages(layer, Path(scratch)).resolve() for layer in chosen.layers] + chosen.path
        try:
            import_seconds = {
                str(folder): measure_import(
                    folder.resolve(), chosen.module, search, chosen.runs, chosen.python, variables
                )
                for folder in chosen.functions
            }
        except FootprintError as error:
            sys.exit(f"error: {error}")
    zipped = {str(folder): measure_zip(folder) for folder in [*chosen.functions, *chosen.layers]}
    if chosen.json:
        print(json.dumps({"import_cpu_seconds": import_seconds, "zipped_bytes": zipped}))
        return
    width = max(map(len, zipped))
    print(f"{'':{width}}  import CPU ms  zipped MB")
    for name, size in zipped.items():
        cpu = f"{import_seconds[name] * 1000:.0f}" if name in import_seconds else ""
        print(f"{name:{width}}  {cpu:>13}  {size / _MEGABYTE:>9.3f}")
    print(f"{'together':{width}}  {'':>13}  {sum(zipped.values()) / _MEGABYTE:>9.3f}")


if __name__ == "__main__":
    main()
