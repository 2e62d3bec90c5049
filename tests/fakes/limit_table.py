"""A LimitTable in memory."""

from collections.abc import Sequence

from express_batch.errors import LimitUnavailableError
from express_batch.ports import Item


class MemoryTable:
    """Items by key. Counts requests; raises LimitUnavailableError while `is_away`."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, int | str]] = {}
        self.reads = 0
        self.writes = 0
        self.is_away = False

    def read(self, key: str) -> Item:
        self._answer()
        self.reads += 1
        return dict(self.items.get(key, {}))

    def read_now(self, key: str) -> Item:
        return self.read(key)

    def advance(self, key: str, name: str, by: int, *, least: int, most: int) -> tuple[bool, Item]:
        self._answer()
        self.writes += 1
        before = dict(self.items.get(key, {}))
        number = before.get(name)
        if not isinstance(number, int) or not least <= number <= most:
            return False, before
        self.items[key][name] = number + by
        return True, before

    def exchange(self, key: str, values: Item, *, name: str, seen: int | None, without: Sequence[str] = ()) -> bool:
        self._answer()
        self.writes += 1
        if self.items.get(key, {}).get(name) != seen:
            return False
        item = self.items.setdefault(key, {})
        item.update(values)
        for gone in without:
            item.pop(gone, None)
        return True

    def remove(self, key: str, name: str) -> None:
        self._answer()
        self.writes += 1
        self.items.get(key, {}).pop(name, None)

    def _answer(self) -> None:
        if self.is_away:
            raise LimitUnavailableError("DynamoDB does not answer")
