"""What an operator does now and then, or a group's pipeline: versions that no alias names are deleted."""

from chaos.scenarios.releases import FUNCTIONS
from chaos.stage import Stage


async def delete_old_versions(stage: Stage) -> None:
    """Lambda keeps each published version until somebody deletes it; the fault of a release publishes three."""
    call = stage.stack.emulator.aws.call
    for name in FUNCTIONS:
        function = stage.stack.stack.outputs[f"{name}FunctionName"]
        live = (await call("lambda", "GetAlias", FunctionName=function, Name="live"))["FunctionVersion"]
        versions = (await call("lambda", "ListVersionsByFunction", FunctionName=function))["Versions"]
        for version in versions:
            if version["Version"] not in (live, "$LATEST"):
                await call("lambda", "DeleteFunction", FunctionName=function, Qualifier=version["Version"])
