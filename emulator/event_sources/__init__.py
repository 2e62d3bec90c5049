"""Event source mappings: what Lambda polls and how it hands batches to functions."""

from emulator.event_sources.boto_destination import BotoDestination
from emulator.event_sources.ports import DeliveryError, Destination, Invoker, InvokeResult
from emulator.event_sources.service import EventSourceMappingService
from emulator.event_sources.statistics import MappingStatistics

__all__ = [
    "BotoDestination",
    "DeliveryError",
    "Destination",
    "EventSourceMappingService",
    "InvokeResult",
    "Invoker",
    "MappingStatistics",
]
