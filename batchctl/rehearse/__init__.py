"""`batchctl pipeline rehearse`: the pipeline's stages on this machine, each group a stack of its own."""
