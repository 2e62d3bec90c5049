"""The daemon's UDP port: takes segments as the X-Ray SDK sends them."""

import asyncio
import contextlib
import socket
import sys

from emulator.services.xray.trace_store import TraceStore

# A burst of thousands of segments must fit until the loop comes round.
_RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
# linux/include/uapi/asm-generic/socket.h; Python has no name for it.
_SO_RCVBUFFORCE = 33


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, store: TraceStore) -> None:
        self._store = store

    def datagram_received(self, data: bytes, addr: object) -> None:
        """One datagram: a header line, then a segment or a subsegment.

        Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
        """
        header, found, document = data.partition(b"\n")
        if not found or b'"json"' not in header:
            self._store.counts.bad += 1
            return
        self._store.add(document)


class XRayDaemon:
    """Listens on a free port of the loopback."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> str:
        """The address for AWS_XRAY_DAEMON_ADDRESS."""
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _enlarge_buffer(receiver)
        receiver.setblocking(False)
        receiver.bind(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Receiver(self._store), sock=receiver)
        port: int = receiver.getsockname()[1]
        return f"127.0.0.1:{port}"

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()


def _enlarge_buffer(receiver: socket.socket) -> None:
    """Ask past the system's limit (net.core.rmem_max), which only root on Linux may; else take what there is."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(PermissionError):
            receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
            return
    with contextlib.suppress(OSError):  # macOS refuses more than its limit rather than giving less
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
