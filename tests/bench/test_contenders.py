"""What a contender prints, and who may take part."""

import json

import pytest

from bench.contenders import ContenderError, choose_contenders, read_outcome
from bench.contract import Database


def test_read_outcome_takes_the_run_alone_when_batchctl_tells_setup_apart() -> None:
    # GIVEN batchctl's object / WHEN read / THEN seconds are the run's
    text = json.dumps({"rows_written": 10, "seconds": {"setup": 3.0, "run": 2.0}, "status": "COMPLETE"})
    outcome = read_outcome("express_batch", text)
    assert (outcome.rows_written, outcome.seconds, outcome.setup_seconds, outcome.started_at) == (10, 2.0, 3.0, None)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"seconds": 1}', '{"rows_written": 1, "seconds": {"run": 1}}'])
def test_read_outcome_names_the_contender_when_it_printed_something_else(text: str) -> None:
    # GIVEN no result / WHEN read / THEN the error names who
    with pytest.raises(ContenderError, match="celery"):
        read_outcome("celery", text)


def test_choose_contenders_names_the_unknown_and_the_known() -> None:
    # GIVEN a misspelt name / WHEN chosen / THEN both are said
    with pytest.raises(ContenderError, match=r"celry.*celery"):
        choose_contenders("bare_asyncio,celry")
    assert [contender.name for contender in choose_contenders("celery,bare_asyncio")] == ["bare_asyncio", "celery"]


def test_database_is_the_same_when_it_went_through_its_url() -> None:
    # GIVEN a password with everything that a URL minds / WHEN it goes through / THEN nothing changes
    database = Database("127.0.0.1", 3306, "me", "p@ss:w/rd%?#", "express_batch")
    assert Database.parse(database.to_url()) == database
    with pytest.raises(ValueError, match="expected mysql://"):
        Database.parse("postgres://me:secret@host:1/name")
