"""Runs template.yaml on one machine at AWS's semantics. Never deployed."""
