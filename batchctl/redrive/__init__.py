"""`batchctl redrive`: a run's users that nobody has written, in a run of their own.

stack.py, bucket.py and options.py are what all commands on a stack have in common.
"""
