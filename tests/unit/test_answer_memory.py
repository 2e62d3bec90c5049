"""Bytes of the partner's answers in memory."""

import asyncio

from express_batch.adapters.answer_memory import ANSWERS_BEYOND, BUDGET_BYTES, AnswerMemory

LIMIT = 1_000_000
PART = 65_536


class Held:
    """Bytes that readers have taken and not given back."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def add(self, size: int) -> None:
        self.now += size
        self.most = max(self.most, self.now)


class Body:
    """`size` bytes in parts; it breaks off, or is never done, after `stops_after`."""

    def __init__(
        self, size: int, held: Held, *, breaks_after: int | None = None, stops_after: int | None = None
    ) -> None:
        self._size = size
        self._given = 0
        self._held = held
        self._breaks_after = breaks_after
        self._stops_after = stops_after

    async def readany(self) -> bytes:
        await asyncio.sleep(0)
        if self._breaks_after is not None and self._given >= self._breaks_after:
            raise ConnectionResetError
        if self._stops_after is not None and self._given >= self._stops_after:
            await asyncio.Event().wait()
        size = min(PART, self._size - self._given)
        self._given += size
        self._held.add(size)
        return bytes(size)


def test_body_is_whole_up_to_its_limit_and_nothing_beyond() -> None:
    async def read(size: int) -> bytes | None:
        return await AnswerMemory().read(Body(size, Held()), LIMIT)

    assert [len(asyncio.run(read(size)) or b"") for size in (0, 1, PART, LIMIT)] == [0, 1, PART, LIMIT]
    assert asyncio.run(read(LIMIT + 1)) is None


def test_bytes_of_all_answers_are_bounded_when_none_of_250_comes_to_its_end() -> None:
    """A hostile partner keeps back the last byte of each."""
    held = Held()

    async def read_all() -> None:
        memory = AnswerMemory()
        bodies = (Body(LIMIT, held, stops_after=LIMIT - PART) for _ in range(250))
        readers = [asyncio.ensure_future(memory.read(body, LIMIT)) for body in bodies]
        for _ in range(100):  # every reader has asked for all that it may have
            await asyncio.sleep(0)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    asyncio.run(read_all())

    assert held.most <= BUDGET_BYTES + ANSWERS_BEYOND * LIMIT + 250 * PART


def test_all_answers_come_through_when_together_they_pass_the_budget() -> None:
    async def read_all() -> list[bytes | None]:
        memory = AnswerMemory()
        return await asyncio.gather(*(memory.read(Body(900_000, Held()), LIMIT) for _ in range(250)))

    assert {len(body or b"") for body in asyncio.run(read_all())} == {900_000}


def test_answers_that_break_off_or_are_given_up_give_their_room_back() -> None:
    async def read_all() -> None:
        memory = AnswerMemory()
        for _ in range(3):
            broken = [memory.read(Body(LIMIT, Held(), breaks_after=800_000), LIMIT) for _ in range(200)]
            assert all(
                isinstance(each, ConnectionResetError) for each in await asyncio.gather(*broken, return_exceptions=True)
            )
            stuck = [
                asyncio.ensure_future(memory.read(Body(LIMIT, Held(), stops_after=800_000), LIMIT)) for _ in range(200)
            ]
            for _ in range(50):
                await asyncio.sleep(0)
            for reader in stuck:
                reader.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
        assert memory._held_bytes == 0
        assert memory._beyond._value == ANSWERS_BEYOND

    asyncio.run(read_all())
