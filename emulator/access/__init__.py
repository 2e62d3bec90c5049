"""Who may do what: requests of functions and state machines are judged by the policies of their roles, as IAM does.

A role that was not made here (nobody knows its policies) may do everything, and so may the caller without a role: the
developer at the gateway.
"""
