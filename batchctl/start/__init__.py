"""`batchctl start`: a run of everybody, now."""
