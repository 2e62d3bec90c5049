"""`batchctl stop`, `resume` and `circuit`: the kill switch of a stack, and whether its partner was found down."""
