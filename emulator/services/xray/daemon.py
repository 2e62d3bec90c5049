"""The daemon's UDP port: takes segments as the X-Ray SDK sends them."""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path

from emulator.services.xray.trace_store import TraceStore

# A burst of thousands of segments must fit until the loop comes round.
_RECEIVE_BUFFER_BYTES = 32 * 1024 * 1024
_LARGEST_DATAGRAM = 65_536
_DATAGRAMS_A_TURN = 500
# linux/include/uapi/asm-generic/socket.h; Python has no name for it.
_SO_RCVBUFFORCE = 33
# The last column is drops. Source: https://docs.kernel.org/networking/proc_net_tcp.html, net/ipv4/udp.c
_SOCKETS = Path("/proc/net/udp")


class XRayDaemon:
    """Listens on a free port of the loopback."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store
        self._socket: socket.socket | None = None

    async def start(self) -> str:
        """The address for AWS_XRAY_DAEMON_ADDRESS."""
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _enlarge_buffer(receiver)
        receiver.setblocking(False)
        receiver.bind(("127.0.0.1", 0))
        self._socket = receiver
        # A datagram endpoint of asyncio takes one datagram each time round the loop: too slow for bursts.
        asyncio.get_running_loop().add_reader(receiver, self._receive, receiver)
        port: int = receiver.getsockname()[1]
        return f"127.0.0.1:{port}"

    def close(self) -> None:
        """Stop listening."""
        receiver, self._socket = self._socket, None
        if receiver is not None:
            asyncio.get_running_loop().remove_reader(receiver)
            receiver.close()

    def lost_datagrams(self) -> int:
        """How many the system dropped because the buffer was full; 0 where it does not tell."""
        if self._socket is None or not _SOCKETS.exists():
            return 0
        port = f":{self._socket.getsockname()[1]:04X}"
        for line in _SOCKETS.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(port):
                return int(fields[-1])
        return 0

    def _receive(self, receiver: socket.socket) -> None:
        """Take what has come, up to a bound: others must have their turn."""
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                data = receiver.recv(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        """One datagram: a header line, then a segment or a subsegment.

        Source: https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
        """
        header, found, document = data.partition(b"\n")
        if not found or b'"json"' not in header:
            self._store.counts.bad += 1
            return
        self._store.add(document)


def _enlarge_buffer(receiver: socket.socket) -> None:
    """Ask past the system's limit (net.core.rmem_max), which only root on Linux may; else take what there is."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(PermissionError):
            receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
            return
    with contextlib.suppress(OSError):  # macOS refuses more than its limit rather than giving less
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
