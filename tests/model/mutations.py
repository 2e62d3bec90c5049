"""Breaks the product in one place at a time and shows that the model test turns red: `make model-mutations`.

Each mutation is a text of the product that is replaced in a copy of it. The test's short profile runs against the
copy, and the first word of what it says names the invariant that broke (invariants.py, steps.py, listing_look.py,
rest.py). A mutation that lives is an error, and so is one whose text is not in the product any more.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers" / "batch" / "express_batch"
_BROKEN = re.compile(r"^E\s+AssertionError: (\w+):", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """A mistake somebody could make."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]


def _one(name: str, file: str, old: str, new: str) -> Mutation:
    return Mutation(name, file, ((old, new),))


MUTATIONS = (
    _one(
        "upsert without a look at the version",
        "upsert.py",
        "{name} = IF(VALUES({version}) >= {version}, VALUES({name}), {name})",
        "{name} = VALUES({name})",
    ),
    _one(
        "first row of a batch instead of the newest",
        "upsert.py",
        "if held is None or row.version >= held.version:",
        "if held is None:",
    ),
    _one("counts instead of a union of masks", "ledger.py", "written[chunk] |= mask", "written[chunk] += mask"),
    Mutation(
        "ledger in a transaction of its own",
        "write_rows.py",
        (
            (
                "database.run_transaction(lambda tx: _write_records(tx, records, tenant_group, table, store))",
                "database.run_transaction(lambda tx: _write_records(tx, records, entries, table, store))\n"
                "                database.run_transaction(lambda tx: ledger.record_writes(tx, tenant_group, entries))",
            ),
            (
                "        refused: list[RefusedRow] = []\n        try:",
                "        refused: list[RefusedRow] = []\n        entries: list[Any] = []\n        try:",
            ),
            (
                "records: Sequence[StreamRecord], tenant_group: str, table",
                "records: Sequence[StreamRecord], entries: Any, table",
            ),
            (
                "    ledger.record_writes(\n        tx,\n        tenant_group,\n        [",
                "    entries[:] = (\n        [",
            ),
        ),
    ),
    _one(
        "record of an attempt under the name of its slice",
        "stream_record.py",
        '"record_id": f"{chunk}-{start}-{attempt_id}-{part}"',
        '"record_id": f"{chunk}-{start}-{part}"',
    ),
    _one(
        "refused row in the mask",
        "write_rows.py",
        "if row.position not in lost[record.run_id, record.record_id]",
        "if True",
    ),
    Mutation(
        "failure record of a refused row behind the commit",
        "write_rows.py",
        (
            ("        _store_refused(store, refused)\n", "        pass\n"),
            (
                "                span.annotate(rows=sum",
                "                _store_refused(store, refused)\n                span.annotate(rows=sum",
            ),
        ),
    ),
    _one(
        "refused row stands for the older ones of its user",
        "write_rows.py",
        "waiting = [each for each in waiting if each not in refusals and _key_of(each, key_positions) in keys]",
        "waiting = []",
    ),
    _one(
        "claim without If-None-Match",
        "list_users.py",
        "    if store.put_if_absent(key, claim.encode()):\n        return True",
        "    store.put(key, claim.encode())\n    return True",
    ),
    _one(
        "claim of a dead execution taken over without If-Match",
        "list_users.py",
        "return store.put_if_version(key, claim.encode(), found[1])",
        "return store.put(key, claim.encode()) is None",
    ),
    _one(
        "attempts at a listing share their chunks",
        "listing.py",
        "while not store.put_if_absent(chunk_key(run_id, start), encode(start, first)):\n"
        "            start += CHUNK_NUMBERS",
        "store.put(chunk_key(run_id, start), encode(start, first))",
    ),
    _one(
        "last listing instead of the first",
        "listing.py",
        "    if store.put_if_absent(listing_key(run_id), json.dumps(answer).encode()):\n        return answer\n"
        "    return read_listing(store, run_id) or answer",
        "    store.put(listing_key(run_id), json.dumps(answer).encode())\n    return answer",
    ),
    _one(
        "turn without conditional writes",
        "turn.py",
        "if store.put_if_version(TURN_KEY, turn.encode(), found[1]):",
        "if store.put(TURN_KEY, turn.encode()) is None:",
    ),
    _one(
        "turn never asked for",
        "admission.py",
        'if admission.run_overlap != "both" and start.began_at is not None:',
        "if False:",
    ),
    _one(
        "slice does not look at the stop switch",
        "sync_users.py",
        "is_stopped=is_stopped",
        "is_stopped=False",
    ),
    _one("stop seen at the beginning of a slice alone", "sync_users.py", "                switch=switch,\n", ""),
    _one("failed users without a record", "sync_users.py", "    if answers.failures:", "    if not answers:"),
    _one(
        "rows that the stream refused count as sent",
        "sync_users.py",
        "            stream.put_records(entries, deadline=started + invocation.seconds_left - 1.0)",
        "            with __import__('contextlib').suppress(Exception):\n"
        "                stream.put_records(entries, deadline=started + invocation.seconds_left - 1.0)",
    ),
    _one(
        "failed although a later attempt has written",
        "close_run.py",
        " and not written.get(place[0], 0) >> place[1] & 1",
        "",
    ),
    _one(
        "missing users pass for failed", "ledger.py", '            return "INCOMPLETE"', '            return "PARTIAL"'
    ),
    _one(
        "late account replaces a more complete one",
        "ledger.py",
        '" AND (users_missing IS NULL OR users_missing > %s OR (users_missing = %s AND rows_written <= %s))"',
        '" AND (%s + %s + %s >= 0)"',
    ),
    _one(
        "number of a redrive claimed without If-None-Match",
        "redrive.py",
        "if redrives.owner is None and not store.put_if_absent(started_key(run_id), claim.encode()):",
        "if redrives.owner is None and store.put(started_key(run_id), claim.encode()):",
    ),
    _one("redrive calls for everybody", "users_left.py", " & ~first.written.get(chunk, 0)", ""),
    _one(
        "redrive does not know of those before",
        "attempts.py",
        "return find_left(sizes, first, later)",
        "return find_left(sizes, first, [])",
    ),
    _one(
        "reason of the first attempt instead of the last",
        "users_left.py",
        "reasons[origin] = redrive.reasons.get((chunk, position), MISSING)",
        "reasons.setdefault(origin, redrive.reasons.get((chunk, position), MISSING))",
    ),
)


def main() -> int:
    """0 when each mutation was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="run just the mutations whose names have one of these words")
    words = parser.parse_args().words
    alive = []
    for mutation in MUTATIONS:
        if words and not any(word in mutation.name for word in words):
            continue
        started = time.monotonic()
        broken = _find_broken(mutation)
        print(f"| {mutation.name} | {broken or 'ALIVE'} | {time.monotonic() - started:.0f} s |", flush=True)
        if broken is None:
            alive.append(mutation.name)
    return 1 if alive else 0


def _find_broken(mutation: Mutation) -> str | None:
    """The invariant that broke first, or None where all held."""
    with tempfile.TemporaryDirectory(prefix="express-batch-mutation-") as directory:
        copy = Path(directory) / PACKAGE.name
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / mutation.file
        text = file.read_text()
        for old, new in mutation.changes:
            if old not in text:
                raise SystemExit(f"{mutation.name}: {mutation.file} has no {old!r} any more")
            text = text.replace(old, new)
        file.write_text(text)
        arguments = [
            "-m",
            "pytest",
            "-q",
            "tests/model",
            "-o",
            f"pythonpath=. {directory} layers/job",
            "-p",
            "no:cacheprovider",
        ]
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "MODEL_SHRINKS": "no", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return None
        found = _BROKEN.search(done.stdout)
        if found is None:
            raise SystemExit(f"{mutation.name}: the test fails by no invariant\n{done.stdout[-4000:]}{done.stderr}")
        return found[1]


if __name__ == "__main__":
    sys.exit(main())
