"""`python -m batchctl`."""

from batchctl.main import main

main()
