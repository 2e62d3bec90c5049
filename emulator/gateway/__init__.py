"""One AWS-compatible endpoint in front of everything that is emulated."""

from emulator.gateway.client_environment import client_environment
from emulator.gateway.gateway import Gateway
from emulator.gateway.service_call import ServiceCall

__all__ = ["Gateway", "ServiceCall", "client_environment"]
