"""`batchctl failures`: what failed for good, looked at, put into the stream again, or thrown away.

Failure records tell of users (runs/<run id>/failures/), the failed-records queue of stream records that WriteRows could
not take, rejected/ of stream records that it could not read.
"""
