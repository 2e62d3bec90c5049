"""What these tests borrow from the Lambda service's."""

from tests.emulator.lambda_runtime.conftest import runtime_dir

__all__ = ["runtime_dir"]
