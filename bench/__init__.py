"""Side by side on one machine: this project, a bare asyncio script, Celery. `python bench/run.py --help`."""
