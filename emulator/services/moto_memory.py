"""What moto keeps of what is gone, and a server that runs for weeks must not.

Every instance of its models, one for each S3 object that there ever was, stays in a list of its class for moto's own
dashboard (moto/core/common_models.py), and an empty dictionary stays for each that was put without tags
(moto/utilities/tagging_service.py): some 2 KB an object.
"""

from typing import Any

from moto.core.common_models import BaseModel
from moto.utilities.tagging_service import TaggingService


def forget_what_is_gone() -> None:
    """Have moto, in this process, keep nothing that was deleted. To be called before its first request."""
    tag_resource = TaggingService.tag_resource

    def make_untracked(cls: type[BaseModel], *_arguments: Any, **_named: Any) -> BaseModel:
        instance: BaseModel = super(BaseModel, cls).__new__(cls)
        return instance

    def tag_with_something(self: TaggingService, arn: str, tags: list[dict[str, str]] | None) -> None:
        if tags:
            tag_resource(self, arn, tags)

    BaseModel.__new__ = make_untracked  # type: ignore[method-assign]
    TaggingService.tag_resource = tag_with_something  # type: ignore[method-assign]
