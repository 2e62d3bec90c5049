"""Every target, by its name."""

from tests.fuzz.target import Target
from tests.fuzz.targets import aws, functions, objects, partner, reports, stream

TARGETS: dict[str, Target] = {
    target.name: target for module in (functions, stream, objects, partner, aws, reports) for target in module.TARGETS
}
