"""Counts of what a mapping did."""

from dataclasses import dataclass


@dataclass
class MappingStatistics:
    """Counts since the mapping was created; a batch that is invoked again counts again in `invocations`."""

    batches: int = 0
    invocations: int = 0
    records: int = 0  # those of batches that came to an end, well or not
    retries: int = 0
    throttles: int = 0
    bisections: int = 0
    partial_failures: int = 0
    discarded_records: int = 0
    delivered_documents: int = 0
    delivery_errors: int = 0
    iterator_age_seconds: float = 0  # of the last record of the latest batch, when it was handed to the function
    iterator_age_seconds_max: float = 0

    def see_iterator_age(self, seconds: float) -> None:
        """Note the age of a batch's last record, as the metric IteratorAge does."""
        self.iterator_age_seconds = seconds
        self.iterator_age_seconds_max = max(self.iterator_age_seconds_max, seconds)
