"""An attempt at ListUsers, seen from before and after: whom it had to list, and whom it did."""

from tests.model import oracle
from tests.model.invocation import Invocation
from tests.model.world import Execution, World


class LookAtListing:
    """What was true before an attempt at ListUsers, and what it must have come to."""

    def __init__(self, world: World, execution: Execution) -> None:
        self._world = world
        self._execution = execution
        self._was_stopped = world.is_stopped
        original = execution.event.get("redrive_of")
        self._left = {} if original is None else self._find_left(original.partition("-r")[0])
        self._listings = {key for key in world.objects.objects if key.endswith("/listing.json")}
        self._active = world.active_users()

    def look_again(self, invocation: Invocation, *, is_undisturbed: bool) -> None:
        """Compare with the answer, if there is one."""
        if not (is_undisturbed and invocation.has_answered):
            return
        answer = invocation.answer
        if self._was_stopped:
            assert not answer["started"], f"stop: {answer['run_id']} was listed"
        if not answer["started"]:
            if answer.get("status") == "NOTHING_TO_REDRIVE":
                assert not self._chosen(), f"redrive: {self._chosen()} are left, and nobody was listed"
            return
        listed = list(oracle.chunk_users(self._world.objects.objects, answer).values())
        assert len(listed) == len(set(listed)), f"listing: somebody is listed twice in {listed}"
        if f"runs/{answer['run_id']}/listing.json" in self._listings:
            return  # an attempt before this one has listed
        expected = self._active if "redrive_of" not in self._execution.event else self._chosen()
        name = "listing" if "redrive_of" not in self._execution.event else "redrive"
        assert set(listed) == expected, f"{name}: {listed} were listed, {expected} were to be"

    def _chosen(self) -> set[str]:
        reasons = self._execution.event.get("reasons")
        return {user_id for user_id, reason in self._left.items() if not reasons or reason in reasons}

    def _find_left(self, original: str) -> dict[str, str]:
        """Of a run whose answer nobody has heard, too, if it was listed."""
        objects = self._world.objects.objects
        listing = self._world.read_json(f"runs/{original}/listing.json")
        if listing is None:
            return {}
        attempts = []
        for number in range(1, 1000):
            run_id = f"{original}-r{number}"
            if f"runs/{run_id}/started.json" not in objects:
                break
            answer = self._world.read_json(f"runs/{run_id}/listing.json")
            if answer is not None:
                attempts.append((run_id, oracle.chunk_users(objects, answer)))
        users = oracle.chunk_users(objects, listing)
        return oracle.left_users(users, attempts, self._world.accounted_rows(), objects, original)
