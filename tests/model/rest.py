"""The end of an example: everybody still at work ends, all is delivered, all runs are redriven: then nobody is left."""

from tests.model import oracle
from tests.model.invariants import Invariants
from tests.model.invocation import ENDS
from tests.model.steps import Steps
from tests.model.world import World


def come_to_rest(world: World, steps: Steps, invariants: Invariants) -> None:
    """An AssertionError says who is left, or what is not as the partner answered it last."""
    for invocation in world.held():
        steps.go_on(invocation, ENDS)
    world.resume_calls()
    world.partner.moods.clear()
    world.clock.now += 301
    steps.deliver_all()
    originals = [each for each in world.executions if each.has_started and "redrive_of" not in each.event]
    for original in originals:
        for _ in range(2):
            answers = world.partner.answers
            redrive = world.start({"redrive_of": original.run_id})
            steps.list_users(redrive, ENDS)
            if not redrive.has_started:
                break
            for work in redrive.slices:
                steps.sync_users(work, ENDS)
            steps.deliver_all()
            steps.close_run(redrive, ENDS)
            assert redrive.closings[-1].answer["status"] == "COMPLETE", f"rest: {redrive.closings[-1].answer}"
            calls = world.partner.answers - answers
            assert calls == len(redrive.users), f"rest: {calls} calls for {redrive.users}"
            rows = world.rows()
            for user_id in redrive.users.values():
                last = world.partner.last[user_id]
                assert rows[user_id][0] == last, f"rest: {user_id} is not what was answered last"
        assert redrive.answer is not None
        assert redrive.answer["status"] == "NOTHING_TO_REDRIVE", f"rest: a second redrive says {redrive.answer}"
        run_ids = {each.run_id for each in world.executions if each.has_started}
        family = {each for each in run_ids if each.partition("-r")[0] == original.run_id}
        missing = set(original.users.values()) - oracle.written_users(world.accounted_rows(), family)
        assert not missing, f"rest: nobody has written {missing} of {original.run_id}"
    expected = oracle.newest_rows(world.sent_records())
    assert world.rows() == expected, f"rest: {world.rows()} in the table, {expected} were sent"
    invariants.check()
