"""A LimitTable in memory."""

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

    def exchange(self, key: str, values: Item, *, name: str, seen: int | None) -> bool:
        self._answer()
        self.writes += 1
        if self.items.get(key, {}).get(name) != seen:
            return False
        self.items.setdefault(key, {}).update(values)
        return True

    def add(self, key: str, total: str, name: str, by: int, *, seen: int | None, most: int) -> tuple[bool, Item]:
        self._answer()
        self.writes += 1
        item = dict(self.items.get(key, {}))
        held, own = item.get(total, 0), item.get(name)
        assert isinstance(held, int)
        if own != seen or (by > 0 and held + by > most):
            return False, item
        self.items[key] = item | {total: held + by, name: (seen or 0) + by}
        return True, dict(self.items[key])

    def drop(self, key: str, total: str, name: str, *, seen: int | None = None) -> None:
        self._answer()
        self.writes += 1
        item = self.items.get(key, {})
        own, held = item.get(name), item.get(total)
        if isinstance(own, int) and isinstance(held, int) and seen in (None, own):
            item[total] = held - own
            del item[name]

    def _answer(self) -> None:
        if self.is_away:
            raise LimitUnavailableError("DynamoDB does not answer")
