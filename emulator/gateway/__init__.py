"""One AWS-compatible endpoint in front of everything that is emulated.

boto3 and the AWS CLI need nothing but the variables of `client_environment`. One of them is easily missed:
StartSyncExecution is sent to the host `sync-` + endpoint, and `sync-localhost` resolves nowhere. A client that takes no
environment is made with `botocore.config.Config(inject_host_prefix=False)`; the AWS CLI (1.45 was tried) takes
AWS_DISABLE_HOST_PREFIX_INJECTION=true, as botocore does.
"""

from emulator.gateway.client_environment import client_environment
from emulator.gateway.gateway import Gateway, open_listener, url_of
from emulator.gateway.service_call import ServiceCall

__all__ = ["Gateway", "ServiceCall", "client_environment", "open_listener", "url_of"]
