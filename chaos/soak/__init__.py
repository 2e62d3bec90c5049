"""`make soak`: one stack, hundreds of runs with faults, and whether anything grows beyond its retention."""
