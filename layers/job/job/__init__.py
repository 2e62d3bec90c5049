"""The part a team edits: the job that this deployment runs. `job` names the module the handlers use."""

from job import loyalty_points as job

__all__ = ["job"]
