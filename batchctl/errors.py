"""What the command line says when it cannot do what was asked."""


class BatchctlError(Exception):
    """One line that names the thing at fault and the remedy; the command ends with status 1."""


class UsageError(BatchctlError):
    """The command's own options are wrong; status 2, as shells expect."""
