"""`python -m emulator.partner_api`: the partner API by itself, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields

from emulator.partner_api.options import OptionError, PartnerApiOptions, merge_options, number_fields
from emulator.partner_api.server import die_with_parent, run_server

_EXAMPLES = """examples:
  python -m emulator.partner_api --port 8080 --latency-ms 100
  python -m emulator.partner_api --error-rate 0.03 --throttle-rate 0.03 --malformed-rate 0.01 --seed 7
  curl http://127.0.0.1:8080/v1/users/u1/points
  curl http://127.0.0.1:8080/_control/stats
  curl http://127.0.0.1:8080/_control/answers
  curl -X POST -d '{"latency_ms": 5, "users": {"u1": {"fault": "timeout"}}}' http://127.0.0.1:8080/_control/options
  curl -X POST http://127.0.0.1:8080/_control/reset
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves with the options of the command line; exits 2 with one line where one is wrong."""
    parser = _make_parser()
    chosen = vars(parser.parse_args(arguments))
    port, ready_fd, parent_pid = chosen.pop("port"), chosen.pop("ready_fd"), chosen.pop("parent_pid")
    document = chosen.pop("options_json")
    try:
        options = merge_options(PartnerApiOptions(), json.loads(document) if document else {})
        options = merge_options(options, {name: value for name, value in chosen.items() if value is not None})
    except (OptionError, json.JSONDecodeError) as error:
        parser.error(str(error))
    if parent_pid is not None:
        die_with_parent(parent_pid)

    def announce(url: str) -> None:
        if ready_fd is None:
            print(f"partner API at {url}", flush=True)
        else:
            with os.fdopen(ready_fd, "w") as ready:
                ready.write(f"{url}\n")

    try:
        run_server(options, port, announce)
    except OSError as error:
        sys.exit(f"partner API: cannot listen on 127.0.0.1:{port}: {error.strerror}; choose another --port")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator.partner_api",
        description="The external API's stand-in, on 127.0.0.1, with latency, faults and an account of its answers.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    for item in number_fields():
        low, high = item.metadata["low"], item.metadata["high"]
        parser.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=int if item.type == "int" else float,
            metavar="N",
            help=f"{item.metadata['help']}; {low:,} to {high:,} (default {item.default:g})",
        )
    changing = next(item for item in fields(PartnerApiOptions) if item.name == "changing")
    parser.add_argument("--changing", action="store_true", default=None, help=changing.metadata["help"])
    parser.add_argument("--options-json", metavar="JSON", help="all options as one object, per-user overrides included")
    parser.add_argument("--ready-fd", type=int, metavar="FD", help="write the URL there once ready, and close it")
    parser.add_argument("--parent-pid", type=int, metavar="PID", help="end when this parent process ends")
    return parser


if __name__ == "__main__":
    main()
