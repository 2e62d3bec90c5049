"""`batchctl stop` and `batchctl resume`: the kill switch of a stack."""
