"""What an environment writes to stdout and stderr, line by line into its function's log."""

import asyncio
import os

from emulator.lambda_runtime.logs import FunctionLog

READ_BYTES = 65536
LONGEST_LINE = 256 * 1024  # CloudWatch's limit for one event: a longer line is cut there


class LogPipe:
    """The reading end of an environment's log pipe; `tail` collects bytes for the invocation that asked for them."""

    def __init__(self, log: FunctionLog, stream: str) -> None:
        self.tail: bytearray | None = None
        self._log = log
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._loop.add_reader(self._reader, self._read)

    def write(self, line: str) -> None:
        """Add a line of the service's own."""
        self._log.write(self._stream, line)
        if self.tail is not None:
            self.tail += line.encode() + b"\n"

    def drain(self) -> None:
        """Take what is in the pipe now; a line without its end is complete."""
        self._read()
        if self._rest:
            self._log.write(self._stream, self._rest.decode("utf-8", "backslashreplace"))
            if self.tail is not None:
                self.tail += b"\n"
            self._rest = b""

    def close_writer(self) -> None:
        """Leave the writing end to the environment."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Take the rest and give both ends back."""
        self.close_writer()
        if self._reader >= 0:
            self.drain()
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1

    def _read(self) -> None:
        while self._reader >= 0:
            try:
                data = os.read(self._reader, READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._loop.remove_reader(self._reader)
                return
            if self.tail is not None:
                self.tail += data
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._log.write(self._stream, line.decode("utf-8", "backslashreplace"))
            if len(self._rest) > LONGEST_LINE:
                self._log.write(self._stream, self._rest.decode("utf-8", "backslashreplace"))
                self._rest = b""
            if len(data) < READ_BYTES:
                return
