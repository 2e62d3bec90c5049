"""What a mapping is at the moment, shared by those that work for it."""

import asyncio
from dataclasses import dataclass, field

from emulator.event_sources.settings import MappingSettings
from emulator.event_sources.statistics import MappingStatistics


@dataclass
class MappingState:
    """Settings as last updated, counts, and the two events that workers wait for or set."""

    mapping_id: str
    function_arn: str
    settings: MappingSettings
    retention_seconds: float
    statistics: MappingStatistics = field(default_factory=MappingStatistics)
    last_result: str = "No records processed"
    enabled: asyncio.Event = field(default_factory=asyncio.Event)
    progress: asyncio.Event = field(default_factory=asyncio.Event)  # something ended; `drain` looks again

    @property
    def oldest_age_seconds(self) -> float:
        """The age at which a record is given up: the mapping's limit, or the stream's retention."""
        limit = self.settings.maximum_record_age_seconds
        return self.retention_seconds if limit == -1 else min(limit, self.retention_seconds)
