"""`batchctl invoke`: one function of template.yaml with one event, on this machine and without Docker."""
