"""The command line for developers and operators."""
