"""The attempts at a run's users, read back: the run itself and its redrives, from their objects and the ledger."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from express_batch import ledger
from express_batch.chunks import Place, read_chunk, read_origins, read_sizes
from express_batch.claim import Claim, read_claim
from express_batch.close_run import FailureReader
from express_batch.database import Database
from express_batch.errors import ChunkUnreadableError, ObjectUnreadableError, RedriveRefusedError
from express_batch.job_contract import User
from express_batch.ledger import RunRow
from express_batch.observability import Observer
from express_batch.outside_json import decode_json
from express_batch.ports import ObjectStore
from express_batch.run_layout import MAX_REDRIVES, listing_key, make_redrive_id, scheduled_moment
from express_batch.users_left import Attempt, Redrive, UsersLeft, find_left

READERS = 16

T = TypeVar("T")


@dataclass(frozen=True)
class Redrives:
    """The redrives that a run has had, and the one that would be next."""

    ended: Sequence[str]
    next_id: str
    owner: Claim | None  # of `next_id`; None where nobody has claimed it


class RunHistory:
    """A run with its redrives.

    All methods raise DatabaseUnavailableError, StorageUnavailableError, SchemaError, ObjectUnreadableError.
    """

    def __init__(
        self, original: str, *, tenant_group: str, database: Database, store: ObjectStore, observer: Observer
    ) -> None:
        self.original = original
        self._tenant_group = tenant_group
        self._database = database
        self._store = store
        self._observer = observer

    def read_accounts(self) -> dict[str, RunRow]:
        """The ledger's accounts of the run and its redrives."""
        return self._database.run_transaction(lambda tx: ledger.read_runs(tx, self._tenant_group, self.original))

    def read_claim(self) -> Claim | None:
        """Who started the run, or None where its objects are gone or never were."""
        return read_claim(self._store, self.original)

    def scheduled_time(self) -> str:
        """For which the run was started, and so its redrives are."""
        claim = self.read_claim()
        return (claim.scheduled_time if claim is not None else "") or scheduled_moment(self.original).isoformat()

    def find_redrives(self, accounts: Mapping[str, RunRow], now: float) -> Redrives:
        """Redrives have ended when they are closed, or when their execution cannot live any more.

        Raises RedriveRefusedError.
        """
        ended: list[str] = []
        for number in range(1, MAX_REDRIVES + 1):
            run_id = make_redrive_id(self.original, number)
            claim = read_claim(self._store, run_id)
            is_closed = run_id in accounts and accounts[run_id].is_closed
            if claim is None or (not is_closed and claim.may_live(now)):
                return Redrives(ended, run_id, claim)
            ended.append(run_id)
        raise RedriveRefusedError(f"run {self.original} has had {MAX_REDRIVES} redrives: start a new run")

    def read_left(self, redrives: Sequence[str], accounts: Mapping[str, RunRow], *, with_reasons: bool) -> UsersLeft:
        """The users that none of the attempts has written. Raises RedriveRefusedError.

        Reasons take an object for each slice that had failures, so they are read where they are wanted.
        """
        sizes = self._read_sizes(self.original)
        if sizes is None:
            raise self._expired("its list of chunks is gone")
        first = self._read_attempt(self.original, sizes, accounts, with_reasons=with_reasons)
        later = []
        for run_id in redrives:
            redrive_sizes = self._read_sizes(run_id)
            if redrive_sizes:  # else its execution died before it had listed anybody
                attempt = self._read_attempt(run_id, redrive_sizes, accounts, with_reasons=with_reasons)
                origins = self._read_origins(run_id, list(redrive_sizes))
                if any(sizes.get(chunk, 0) <= position for places in origins.values() for chunk, position in places):
                    raise self._expired(f"redrive {run_id} names users who were not listed")
                later.append(Redrive(attempt.written, attempt.reasons, origins))
        return find_left(sizes, first, later)

    def read_users(self, places: Iterable[Place]) -> list[tuple[User, Place]]:
        """The users at the places, in their order. Raises RedriveRefusedError."""
        wanted = list(places)
        chunks = sorted({chunk for chunk, _ in wanted})
        users = dict(zip(chunks, self._read_chunks(self.original, chunks, read_chunk), strict=True))
        if any(position >= len(users[chunk]) for chunk, position in wanted):
            raise self._expired("a chunk holds fewer users than were listed")
        return [(users[chunk][position], (chunk, position)) for chunk, position in wanted]

    def _read_sizes(self, run_id: str) -> dict[int, int] | None:
        key = listing_key(run_id)
        body = self._store.get(key)
        if body is None:
            return None
        try:
            return read_sizes(decode_json(body)["chunks"])
        except (KeyError, TypeError, ValueError) as error:
            raise ObjectUnreadableError(
                f"{key} is no listing ({type(error).__name__}): only ListUsers may write there; start a new run"
            ) from error

    def _read_attempt(
        self, run_id: str, sizes: Mapping[int, int], accounts: Mapping[str, RunRow], *, with_reasons: bool
    ) -> Attempt:
        masks = self._database.run_transaction(lambda tx: ledger.read_written(tx, self._tenant_group, run_id))
        written = {chunk: mask & (1 << sizes.get(chunk, 0)) - 1 for chunk, mask in masks.items()}
        account = accounts.get(run_id)
        known = sum(mask.bit_count() for mask in written.values())
        # The bucket's lifecycle and the ledger forget by the same parameter, but not in the same minute.
        if account is not None and account.rows_written is not None and known < account.rows_written:
            raise self._expired(f"the ledger knows {known} of the {account.rows_written} users that {run_id} wrote")
        reasons = FailureReader(self._store, run_id, self._observer).read_new() if with_reasons else {}
        return Attempt(written, reasons)

    def _read_origins(self, run_id: str, chunks: Sequence[int]) -> dict[int, list[Place]]:
        return dict(zip(chunks, self._read_chunks(run_id, chunks, read_origins), strict=True))

    def _read_chunks(
        self, run_id: str, chunks: Sequence[int], read: Callable[[ObjectStore, str, int], list[T]]
    ) -> list[list[T]]:
        try:
            with ThreadPoolExecutor(READERS) as readers:
                return list(readers.map(lambda chunk: read(self._store, run_id, chunk), chunks))
        except ChunkUnreadableError as error:
            raise self._expired(str(error)) from error

    def _expired(self, what: str) -> RedriveRefusedError:
        return RedriveRefusedError(
            f"run {self.original} is no longer whole ({what}): runs are kept for RunRetentionDays; start a new run, "
            "and raise the parameter if redrives come that late"
        )
