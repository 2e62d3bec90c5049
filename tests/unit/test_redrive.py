"""A redrive: who is in it, under which id, and when there is none."""

import json
from typing import Any

import pytest
from express_batch.chunks import encode_chunk, read_chunk, read_origins
from express_batch.errors import InvalidEventError, ObjectUnreadableError, RedriveRefusedError
from express_batch.job_contract import User
from express_batch.list_users import StartRequest
from express_batch.redrive import RedriveRequest
from express_batch.run_layout import listing_key
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.batch_world import MISSING, WRITTEN, BatchWorld
from tests.fakes.bounds import BOUNDED

RUN = "20261122T083000Z"
FIRST = f"{RUN}-r1"
SECOND = f"{RUN}-r2"


def make_world(count: int = 25, chunk_size: int = 10) -> BatchWorld:
    """A run of `count` users that is listed and runs."""
    world = BatchWorld([User(f"u{number}", "acme") for number in range(count)], chunk_size)
    world.start()
    return world


def ended_world(outcomes: dict[tuple[int, int], str]) -> BatchWorld:
    """The same, closed with those outcomes."""
    world = make_world()
    world.end(RUN, outcomes)
    return world


class TestUsers:
    @BOUNDED
    @given(st.data())
    def test_chain_of_redrives_lists_exactly_who_is_not_written_until_nobody_is_left(self, data: Any) -> None:
        count, chunk_size = data.draw(st.integers(0, 40)), data.draw(st.integers(1, 15))
        world = make_world(count, chunk_size)
        left = {f"u{number}" for number in range(count)}
        run_id = RUN
        for attempt in range(1, 5):
            listing = json.loads(world.store.objects[f"runs/{run_id}/listing.json"])
            outcomes = {
                (chunk["chunk"], position): data.draw(st.sampled_from([WRITTEN, MISSING, "ApiServerError"]))
                for chunk in listing["chunks"]
                for position in range(chunk["user_count"])
            }
            for (chunk, position), outcome in outcomes.items():
                if outcome == WRITTEN:
                    left.discard(f"{world.users_of(listing)[chunk * world.chunk_size + position].user_id}")
            world.end(run_id, outcomes)
            world.chunk_size = data.draw(st.integers(1, 15))

            answer = world.redrive(run_id)

            assert {user.user_id for user in world.users_of(answer)} == left
            assert answer["users_listed"] == len(left)
            assert answer["started"] is bool(left)
            if not left:
                assert answer["status"] == "NOTHING_TO_REDRIVE"
                return
            run_id = answer["run_id"]
            assert run_id == f"{RUN}-r{attempt}"

    def test_failed_and_missing_users_are_listed_without_asking_the_job(self) -> None:
        world = ended_world({(0, 3): "MalformedAnswerError", (2, 4): MISSING})

        answer = world.redrive(RUN)

        assert [user.user_id for user in world.users_of(answer)] == ["u3", "u24"]
        assert read_origins(world.store, FIRST, 0) == [(0, 3), (2, 4)]
        assert world.database.listings == 1

    def test_reasons_choose_among_those_who_are_left(self) -> None:
        world = ended_world({(0, 1): "ApiServerError", (0, 2): "MalformedAnswerError", (1, 0): MISSING})

        assert [user.user_id for user in world.users_of(world.redrive(RUN, "ApiServerError"))] == ["u1"]
        world.end(FIRST, {(0, 0): "ApiServerError"})
        assert [user.user_id for user in world.users_of(world.redrive(RUN, "Missing", "ApiServerError"))] == [
            "u1",
            "u10",
        ]

    def test_reason_is_that_of_the_last_attempt_when_there_were_several(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})
        world.redrive(RUN)
        world.end(FIRST, {(0, 0): "MalformedAnswerError"})

        assert world.redrive(RUN, "ApiServerError")["status"] == "NOTHING_TO_REDRIVE"
        assert world.redrive(RUN, "MalformedAnswerError")["users_listed"] == 1

    def test_user_that_is_listed_twice_is_run_again_for_the_place_that_failed(self) -> None:
        world = BatchWorld([User("u", "acme"), User("u", "acme")])
        world.start()
        world.end(RUN, {(0, 1): "ApiServerError"})

        world.redrive(RUN)

        assert read_origins(world.store, FIRST, 0) == [(0, 1)]

    def test_slice_that_failed_as_a_whole_is_listed_by_its_reason(self) -> None:
        world = ended_world({(1, position): MISSING for position in range(4, 8)})
        record = {"version": 1, "run_id": RUN, "chunk": 1, "start": 4, "end": 8, "reason": "States.Timeout"}
        world.store.put(f"runs/{RUN}/failures/slice-00001-00004.json", json.dumps(record).encode())

        assert world.redrive(RUN, "States.Timeout")["users_listed"] == 4


class TestIdentity:
    def test_redrive_is_linked_to_its_run_in_answer_and_ledger(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})

        answer = world.redrive(RUN)

        assert (answer["run_id"], answer["redrive_of"], answer["started"]) == (FIRST, RUN, True)
        assert world.database.links == {FIRST: RUN}
        assert world.database.rows[FIRST].users_listed == 1
        assert world.database.scheduled_times[FIRST] == "2026-11-22T08:30:00Z"
        assert json.loads(world.store.objects[f"runs/{FIRST}/listing.json"]) == answer

    def test_redrive_of_a_redrive_is_one_of_its_run(self) -> None:
        world = ended_world({(0, 1): "ApiServerError", (0, 2): "ApiServerError"})
        world.redrive(RUN)
        world.end(FIRST, {(0, 1): "ApiServerError"})

        answer = world.redrive(FIRST)

        assert (answer["run_id"], answer["redrive_of"]) == (SECOND, RUN)
        assert [user.user_id for user in world.users_of(answer)] == ["u2"]

    def test_second_redrive_touches_nothing_when_the_first_is_at_work(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})
        world.redrive(RUN)
        written = list(world.store.writes)

        answer = world.redrive(RUN)

        assert (answer["run_id"], answer["started"], answer["status"]) == (FIRST, False, "ALREADY_STARTED")
        assert (world.store.writes, answer["chunks"]) == (written, [])

    def test_redrive_loses_when_another_claims_the_number_after_it_has_looked(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})
        put_if_absent = world.store.put_if_absent

        def lose(key: str, body: bytes) -> bool:
            put_if_absent(key, b'{"execution": "another", "scheduled_time": "", "claimed_at": 0}')
            return put_if_absent(key, body)

        world.store.put_if_absent = lose  # type: ignore[method-assign]

        assert world.redrive(RUN)["status"] == "ALREADY_STARTED"
        assert FIRST not in world.database.rows

    def test_redrive_goes_on_when_the_answer_to_its_own_claim_was_lost(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})
        world.store.unheard = {f"runs/{FIRST}/started.json"}

        assert world.redrive(RUN)["users_listed"] == 1
        assert world.database.links == {FIRST: RUN}

    def test_redrive_lists_again_when_its_own_first_attempt_was_lost(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})
        first = world.redrive(RUN, execution="same")

        assert world.redrive(RUN, execution="same") == first

    def test_dead_redrive_is_passed_over_with_what_it_wrote(self) -> None:
        world = ended_world({(0, 1): "ApiServerError", (0, 2): "ApiServerError"})
        world.redrive(RUN)
        world.end(FIRST, {(0, 1): MISSING}, closes=False)
        world.now += 301

        answer = world.redrive(RUN)

        assert answer["run_id"] == SECOND
        assert [user.user_id for user in world.users_of(answer)] == ["u2"]

    def test_redrive_that_died_before_it_had_listed_is_passed_over(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})
        world.store.broken = (f"runs/{FIRST}/chunks/",)
        with pytest.raises(Exception, match="SlowDown"):
            world.redrive(RUN)
        world.store.broken = ()
        world.now += 301

        assert world.redrive(RUN)["run_id"] == SECOND

    def test_nothing_is_stored_when_nobody_is_left(self) -> None:
        world = ended_world({})
        written, rows = list(world.store.writes), dict(world.database.rows)

        answer = world.redrive(RUN)

        assert (answer["status"], answer["started"], answer["users_listed"]) == ("NOTHING_TO_REDRIVE", False, 0)
        assert (world.store.writes, world.database.rows) == (written, rows)


class TestRefusals:
    def test_running_run_is_refused_until_its_execution_cannot_live_any_more(self) -> None:
        world = make_world(3)

        with pytest.raises(RedriveRefusedError, match=f"run {RUN} is still running"):
            world.redrive(RUN)
        world.now += 301
        assert world.redrive(RUN)["users_listed"] == 3

    def test_unknown_run_is_refused(self) -> None:
        with pytest.raises(RedriveRefusedError, match="20200101T000000Z is unknown"):
            make_world().redrive("20200101T000000Z")

    def test_dry_run_is_refused(self) -> None:
        with pytest.raises(RedriveRefusedError, match="dry run, which writes nothing"):
            make_world().redrive(f"dry-{RUN}-0123abcd")

    def test_run_that_died_before_it_had_listed_is_refused_with_the_way_to_start_it(self) -> None:
        world = BatchWorld([User("u", "acme")])
        world.store.broken = (f"runs/{RUN}/chunks/",)
        with pytest.raises(Exception, match="SlowDown"):
            world.start()
        world.now += 301

        with pytest.raises(
            RedriveRefusedError, match=r'start UserBatch with \{"scheduled_time": "2026-11-22T08:30:00Z"\}'
        ):
            world.redrive(RUN)

    @pytest.mark.parametrize("gone", [f"runs/{RUN}/", f"runs/{RUN}/chunks/00001.json"])
    def test_expired_run_is_refused_by_the_parameters_name(self, gone: str) -> None:
        world = ended_world({(1, 1): "ApiServerError"})
        for key in [key for key in world.store.objects if key.startswith(gone)]:
            del world.store.objects[key]

        with pytest.raises(RedriveRefusedError, match="RunRetentionDays"):
            world.redrive(RUN)

    def test_run_is_refused_when_the_ledger_has_forgotten_who_was_written(self) -> None:
        # Else every user would count as left, and be called for again.
        world = ended_world({(1, 1): "ApiServerError"})
        world.database.written.clear()

        with pytest.raises(RedriveRefusedError, match="knows 0 of the 24 users"):
            world.redrive(RUN)

    @pytest.mark.parametrize(
        "listing",
        [
            b"",
            b"[]",
            b"{}",
            b'{"chunks": 7}',
            b'{"chunks": [{"chunk": 0, "user_count": -1}]}',
            b"[" * 100_000,
            b'{"chunks": [{"chunk": 0, "user_count": 1000000000000}]}',
        ],
    )
    def test_run_is_refused_by_the_objects_name_when_its_listing_is_none(self, listing: bytes) -> None:
        world = ended_world({(1, 1): "ApiServerError"})
        world.store.put(listing_key(RUN), listing)

        with pytest.raises(ObjectUnreadableError, match=listing_key(RUN)):
            world.redrive(RUN)

    def test_run_is_refused_when_a_chunk_holds_fewer_users_than_were_listed(self) -> None:
        world = ended_world({(1, 9): "ApiServerError"})
        key = f"runs/{RUN}/chunks/00001.json"
        world.store.put(key, encode_chunk(RUN, 1, read_chunk(world.store, RUN, 1)[:5]))

        with pytest.raises(RedriveRefusedError, match="fewer users than were listed"):
            world.redrive(RUN)

    @pytest.mark.parametrize("origin", [(99, 0), (0, 500_000)])
    def test_run_is_refused_when_a_redrive_names_users_who_were_not_listed(self, origin: tuple[int, int]) -> None:
        world = ended_world({(1, 1): "ApiServerError"})
        first = world.redrive(RUN)["run_id"]
        world.end(first, {(0, 0): "ApiServerError"})
        world.store.put(f"runs/{first}/chunks/00000.json", encode_chunk(first, 0, [User("a", "acme")], [origin]))

        with pytest.raises(RedriveRefusedError, match="who were not listed"):
            world.redrive(RUN)


class TestAsking:
    def test_asking_tells_what_is_left_by_reason_and_starts_nothing(self) -> None:
        world = ended_world({(0, 1): "ApiServerError", (0, 2): "MalformedAnswerError", (1, 0): MISSING})
        written = list(world.store.writes)

        answer = world.redrive(RUN, "ApiServerError", only_asks=True)

        assert (answer["users_left"], answer["users_chosen"], answer["running"]) == (3, 1, None)
        assert answer["left_by_reason"] == {"ApiServerError": 1, "MalformedAnswerError": 1, "Missing": 1}
        assert [account["run_id"] for account in answer["accounts"]] == [RUN]
        assert world.store.writes == written

    def test_asking_names_the_redrive_that_is_at_work(self) -> None:
        world = ended_world({(0, 1): "ApiServerError"})
        world.redrive(RUN)

        assert world.redrive(RUN, only_asks=True)["running"] == FIRST


EVENT = {"scheduled_time": "t", "execution": "e"}


class TestRequest:
    @pytest.mark.parametrize(
        ("more", "redrive"),
        [
            ({"redrive_of": None, "reasons": None}, None),
            ({"redrive_of": RUN}, RedriveRequest(RUN)),
            ({"redrive_of": SECOND, "reasons": ["A", "B"]}, RedriveRequest(SECOND, ("A", "B"))),
            ({"redrive_of": RUN, "reasons": "A"}, RedriveRequest(RUN, ("A",))),
        ],
    )
    def test_request_is_what_the_state_machine_sends(
        self, more: dict[str, Any], redrive: RedriveRequest | None
    ) -> None:
        assert StartRequest.from_event({**EVENT, **more}) == StartRequest("t", "e", redrive=redrive)

    @pytest.mark.parametrize(
        "more",
        [
            {"redrive_of": "../x"},
            {"redrive_of": 1},
            {"redrive_of": RUN, "reasons": [1]},
            {"redrive_of": RUN, "reasons": [""]},
            {"redrive_of": RUN, "reasons": {"A": 1}},
            {"redrive_of": RUN, "reasons": ["A"] * 51},
            {"redrive_of": RUN, "dry_run_users": 5},
        ],
    )
    def test_request_is_refused_when_it_is_malformed(self, more: dict[str, Any]) -> None:
        with pytest.raises(InvalidEventError):
            StartRequest.from_event({**EVENT, **more})
