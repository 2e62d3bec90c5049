"""How much of the partner's answers an environment holds at once, however many calls are in flight."""

import asyncio
from typing import Protocol

# A partner that keeps back the last byte of every answer would have each call hold 1 MB, and CallsInFlight may be
# 1,000. Usual answers have a few kilobytes and never come near. What a connection has received and nobody has read
# comes on top: aiohttp stops after two reads of 256 KiB, so half a megabyte for each call that waits here.
BUDGET_BYTES = 48_000_000
# So many may go on beyond it, up to their own limit, so that somebody ends and gives room to the others.
ANSWERS_BEYOND = 16


class Content(Protocol):
    """A body that is read in parts."""

    async def readany(self) -> bytes:
        """The next part, or nothing at the end."""
        ...


class AnswerMemory:
    """Counts the bytes of all bodies that are being read. For one event loop."""

    def __init__(self) -> None:
        self._held_bytes = 0
        self._beyond = asyncio.Semaphore(ANSWERS_BEYOND)

    async def read(self, content: Content, limit_bytes: int) -> bytes | None:
        """The body, or None where it is longer. Waits while the budget is used up; the time-out of the call goes on."""
        parts: list[bytes] = []
        size = 0
        is_beyond = False
        try:
            while True:
                if self._held_bytes > BUDGET_BYTES and not is_beyond:
                    await self._beyond.acquire()
                    is_beyond = True
                part = await content.readany()
                if not part:
                    break
                size += len(part)
                self._held_bytes += len(part)
                if size > limit_bytes:
                    return None
                parts.append(part)
            return b"".join(parts)
        finally:
            self._held_bytes -= size
            if is_beyond:
                self._beyond.release()
