"""What can go wrong with a schema step, each said in one line.

MigrationError
├── StepFileError      a file in migrations/ cannot be a step
├── StepEditedError    a step was changed after it had been applied
├── StepOrderError     a new step has a number before one that was applied
├── StepFailedError    the database refused a step
├── StepDoubtError     nobody knows whether a step took effect: the connection broke while it ran
├── StepTimeError      the caller has no time left to begin a step
├── LockError          another run holds the lock for too long
└── ConnectError       the database takes no connection, or broke it off outside a step
"""


class MigrationError(Exception):
    """No further step is applied; what was applied before stays and is recorded."""


class StepFileError(MigrationError):
    """Found before the database is touched."""


class StepEditedError(MigrationError):
    """Found before any step is applied."""


class StepOrderError(MigrationError):
    """Found before any step is applied."""


class StepFailedError(MigrationError):
    """The step is as if it had never run; the steps before it are applied."""


class StepDoubtError(MigrationError):
    """The next run finds out."""


class StepTimeError(MigrationError):
    """The step was not begun; the steps before it are applied."""


class LockError(MigrationError):
    """Nothing was done."""


class ConnectError(MigrationError):
    """Nothing was done, or as much as is recorded."""
