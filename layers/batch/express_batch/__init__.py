"""The platform of the batch: logic, ports, adapters, settings, errors, observability. Knows no job's business."""
