"""Tenant groups: one small file each, and all that the deploy tools want rendered from it."""
