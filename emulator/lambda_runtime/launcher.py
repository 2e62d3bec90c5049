"""From a function version to the pool that runs it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from emulator.errors import AwsError
from emulator.identity import Identity
from emulator.lambda_runtime.configuration import FunctionConfiguration
from emulator.lambda_runtime.environment_pool import EnvironmentPool
from emulator.lambda_runtime.environment_spec import EnvironmentSpec
from emulator.lambda_runtime.fleet import Fleet
from emulator.lambda_runtime.functions import Function
from emulator.lambda_runtime.identifiers import LATEST, function_not_found, make_function_arn
from emulator.lambda_runtime.layers import LayerStore
from emulator.lambda_runtime.variables import make_variables


class Launcher:
    """Makes pools when versions are first invoked, and replaces or retires them when functions change."""

    def __init__(
        self,
        identity: Identity,
        fleet: Fleet,
        layers: LayerStore,
        *,
        runtime_directory: Path,
        endpoint_url: str | None,
        extra_environment: Mapping[str, str],
        xray_daemon_address: str | None,
        issue_key: Callable[[str], str],
    ) -> None:
        """`issue_key` gives the access key id of a role's ARN."""
        self._identity = identity
        self._fleet = fleet
        self._layers = layers
        self._runtime_directory = runtime_directory
        self._endpoint_url = endpoint_url
        self._extra_environment = extra_environment
        self._xray_daemon_address = xray_daemon_address
        self._issue_key = issue_key

    def pool_of(self, function: Function, configuration: FunctionConfiguration) -> EnvironmentPool:
        """The pool of this version, made when there is none."""
        pool = function.pools.get(configuration.version)
        if pool is None:
            pool = self._fleet.make_pool(self._make_spec(function, configuration))
            function.pools[configuration.version] = pool
        return pool

    def replace_latest(self, function: Function) -> None:
        """After a change: new environments for what comes, the old ones end when they are done."""
        old = function.pools.pop(LATEST, None)
        if old is not None:
            successor = self.pool_of(function, function.latest) if old.waiting else None
            self._fleet.retire(old, successor)

    def retire(self, function: Function, version: str | None = None) -> None:
        """End the pools of a deleted function, or of one deleted version."""
        error = function_not_found(make_function_arn(self._identity, function.name))
        for name in list(function.pools):
            if version is None or name == version:
                self._fleet.retire(function.pools.pop(name), None, error)

    def check_layers(self, configuration: FunctionConfiguration) -> None:
        """Refuse, before anything runs, layers that cannot be used."""
        self._layers.merge(configuration.layers)

    def _make_spec(self, function: Function, configuration: FunctionConfiguration) -> EnvironmentSpec:
        opt = self._layers.merge(configuration.layers)
        root = configuration.package.directory
        path = [root]
        if opt is not None:
            path += [opt / "python" / "lib" / configuration.runtime / "site-packages", opt / "python"]
        variables = make_variables(
            self._identity,
            function_name=configuration.name,
            version=configuration.version,
            runtime=configuration.runtime,
            handler=configuration.handler,
            memory_mb=configuration.memory_mb,
            log_group=configuration.log_group,
            task_root=root,
            opt=opt,
            runtime_directory=self._runtime_directory,
            xray_daemon_address=self._xray_daemon_address,
            endpoint_url=self._endpoint_url,
            extra=self._extra_environment,
            own=configuration.variables,
            access_key=self._issue_key(configuration.role),
        )
        variables.update(make_log_variables(configuration))
        return EnvironmentSpec(
            function_name=configuration.name,
            version=configuration.version,
            function_arn=make_function_arn(self._identity, configuration.name),
            runtime=configuration.runtime,
            handler=configuration.handler,
            timeout_seconds=configuration.timeout_seconds,
            memory_mb=configuration.memory_mb,
            task_root=root,
            path=path,
            variables=variables,
            log=function.log,
            json_logs="AWS_LAMBDA_LOG_FORMAT" in variables,
        )


def make_log_variables(configuration: FunctionConfiguration) -> dict[str, str]:
    """What tells the runtime of the advanced logging controls.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
    """
    logging = configuration.stored.get("LoggingConfig", {})
    if logging.get("LogFormat") != "JSON":
        if logging.get("ApplicationLogLevel") or logging.get("SystemLogLevel"):
            raise AwsError("InvalidParameterValueException", "Log levels need LogFormat JSON.")
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", "INFO")}
