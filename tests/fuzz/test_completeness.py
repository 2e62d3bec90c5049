"""No decoder of outside data without a target, and no target that only says that it reaches one."""

import ast
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.fuzz.all_targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("layers/batch/express_batch", "layers/job/job", "functions", "batchctl")
# Calls that make values out of text or bytes, however they are imported.
DECODING = {
    *("decode_json", "json.loads", "json.load", "loads", "raw_decode", "tomllib.loads", "tomllib.load", "pickle.loads"),
    *("ElementTree.fromstring", "ElementTree.parse", "fromstring", "base64.b64decode", "b64decode"),
}
DECODERS_OF_JSON = ("DECODER.decode", "JSONDecoder().decode", ".raw_decode")
# Decoders whose data nobody outside writes; each with the reason.
OURS = {
    "express_batch.outside_json:decode_json": "the reader itself: who calls it is looked at",
    "batchctl.invoke.events:read_event": "a file that the developer names on the command line",
    "batchctl.invoke.one_invocation:_invoke": "what a function in the emulator answers",
    "batchctl.groups.fleet:_divide": "a template of the repository",
    "batchctl.groups.fleet:render_fleet": "a template of the repository",
    "batchctl.groups.group_file:read_schema": "a schema of the repository",
    "batchctl.groups.samconfig:render_samconfig": "samconfig.toml of the repository",
}


def _module_name(path: Path) -> str:
    relative = path.relative_to(ROOT)
    if relative.parts[0] == "layers":
        relative = relative.relative_to(*relative.parts[:1]).relative_to(relative.parts[1])
    if relative.parts[0] == "functions":
        return relative.stem if relative.stem != "app" else f"{relative.parts[1]}_app"
    return ".".join(relative.with_suffix("").parts)


def _find_decoders() -> Iterator[str]:
    """module:function of every function that decodes."""
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        yield from (f"{_module_name(path)}:{name}" for name in _functions_that_decode(ast.parse(path.read_text()), ""))


def _functions_that_decode(node: ast.AST, name: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if child.name == "from_event":
                yield f"{name}.from_event"
            yield from _functions_that_decode(child, f"{name}.{child.name}".lstrip("."))
            continue
        if isinstance(child, ast.Call):
            called = ast.unparse(child.func)
            if called in DECODING or called.endswith(DECODERS_OF_JSON):
                yield name or "<module>"
        yield from _functions_that_decode(child, name)


DECODERS = sorted(set(_find_decoders()))


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_has_a_target_or_a_reason_for_none(decoder: str) -> None:
    fuzzed = {name for target in TARGETS.values() for name in target.decoders}

    assert decoder in fuzzed or decoder in OURS, "add a target to tests/fuzz/targets, or a reason to OURS"


def test_every_function_has_a_target_for_its_event() -> None:
    functions = {path.parent.name.replace("_", "-") for path in (ROOT / "functions").glob("*/app.py")}

    assert {f"event-of-{name}" for name in functions} <= set(TARGETS)


def test_reasons_are_for_decoders_that_exist() -> None:
    assert set(OURS) <= set(DECODERS)


def _reached(target_name: str) -> set[str]:
    """module:function of all that runs while the target's seeds are decoded, in every thread."""
    codes: set[CodeType] = set()
    modules: dict[CodeType, str] = {}

    def note(frame: FrameType, kind: str, _argument: Any) -> None:
        if kind == "call":
            codes.add(frame.f_code)
            modules[frame.f_code] = str(frame.f_globals.get("__name__"))

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        for seed in TARGETS[target_name].seeds:
            TARGETS[target_name].run(seed)
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return {f"{modules[code]}:{code.co_qualname}" for code in codes}


@pytest.mark.parametrize("name", TARGETS)
def test_target_reaches_the_decoders_that_it_names(name: str) -> None:
    assert set(TARGETS[name].decoders) <= _reached(name)
