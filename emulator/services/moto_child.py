"""The moto server's own process: `python -m emulator.services.moto_child`."""

import logging
import signal
import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from emulator.services.moto_memory import forget_what_is_gone


class QuickRequestHandler(MotoRequestHandler):
    """moto's handler, with keep-alive and without the 40 ms that Nagle and delayed ACK make of two writes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: one line a request is noise here; errors are still logged."""


def main() -> None:
    """Serve until SIGTERM; the one line on standard output tells the parent the port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    forget_what_is_gone()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = make_server(
        "127.0.0.1",
        0,
        DomainDispatcherApplication(create_backend_app),
        threaded=True,
        request_handler=QuickRequestHandler,
    )
    sys.stdout.write(f"moto listens on {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
