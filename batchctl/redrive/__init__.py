"""`batchctl redrive`: a run's users that nobody has written, in a run of their own."""
