"""The X-Ray daemon and the traces that it has received."""

from emulator.services.xray.service import XRayService

__all__ = ["XRayService"]
