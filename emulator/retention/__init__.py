"""What a stack keeps for a number of days, and no longer, also while it runs for weeks (docs/adr/0018-retention.md)."""
