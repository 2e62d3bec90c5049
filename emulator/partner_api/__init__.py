"""The external API's stand-in: a child process on loopback with latency, faults, and an account of what it answered."""

from emulator.partner_api.options import OptionError, PartnerApiOptions, UserOverride
from emulator.partner_api.process import LastAnswer, PartnerApi, PartnerApiError

__all__ = ["LastAnswer", "OptionError", "PartnerApi", "PartnerApiError", "PartnerApiOptions", "UserOverride"]
