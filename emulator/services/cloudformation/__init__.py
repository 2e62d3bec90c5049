"""CloudFormation: stacks made by change sets, out of packaged templates in S3."""

from emulator.services.cloudformation.service import CloudFormationService

__all__ = ["CloudFormationService"]
